import Host
import Trust

/// Which folder a mesh has on this machine, and what the mesh calls itself.
///
/// Who creates a mesh knows its name; who joins learns it only inside. So a joined mesh's folder has the
/// digits of its prefix, and a file `name` in it.
enum MeshFile {
    /// `fd6e51a07c3b`: the digits of the mesh's prefix.
    static func folder(of mesh: MeshID) -> String { Daemon.folder(of: mesh) }

    static func name(of folder: String, in stateRoot: String) -> String? {
        Daemon.meshName(of: folder, in: stateRoot)
    }
}
