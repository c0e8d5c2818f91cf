import Cryptography
import LISP
import Trust

/// Section 4 told again with nothing but lists and loops: everything is looked up by going through all
/// objects, and each question is asked anew each time. It shares no code with `Standing`.
struct SlowEvaluator {
    let mesh: MeshID
    let objects: [(id: ObjectID, object: TrustObject)]
    let lists: [[ObjectID]]
    var genesis: Genesis?
    var roots: [Ed25519.PublicKey] = []

    /// Somebody has something by a chain of so many links.
    struct Right: Equatable {
        var holder: Ed25519.PublicKey
        var by: ObjectID
        var links: Int
        var until: UInt64
        var depth: Int
        var roles: Roles
        var ranges: [EID]
    }

    struct Ended {
        var depth: Int
        var stamp: UInt64
        var id: ObjectID
        var kept: [ObjectID]?
        var all: Bool
    }

    var rights: [Right] = []
    var ended: [(key: Ed25519.PublicKey, how: Ended)] = []
    var endedObjects: [(id: ObjectID, how: Ended)] = []
    var counted: [(invite: ObjectID, admission: ObjectID, node: Ed25519.PublicKey)] = []

    init(mesh: MeshID, objects: [TrustObject], lists: [[ObjectID]]) {
        self.mesh = mesh
        self.lists = lists
        self.objects = objects.map { ($0.id(in: mesh), $0) }.sorted {
            $0.object.statement.stamp != $1.object.statement.stamp
                ? $0.object.statement.stamp < $1.object.statement.stamp : $0.id < $1.id
        }
        findRoots()
        if !roots.isEmpty { for links in 0...16 { round(links) } }
    }

    private func object(_ id: ObjectID) -> TrustObject? { objects.first { $0.id == id }?.object }

    private mutating func findRoots() {
        for (_, object) in objects {
            if case .genesis(let value) = object.statement.kind, genesis == nil {
                genesis = value
                roots = [object.signer]
            }
        }
        guard var next = genesis?.commitment else { return }
        while true {
            var found: (id: ObjectID, object: TrustObject, rotation: Rotation)?
            for (id, object) in objects where found == nil && !roots.contains(object.signer) {
                if case .rotation(let rotation) = object.statement.kind,
                    RootCommitment(to: object.signer) == next
                {
                    found = (id, object, rotation)
                }
            }
            guard let found, let old = roots.last else { break }
            ended.append(
                (old, how(-1, found.object, found.id, found.rotation.keepList, own: false)))
            roots.append(found.object.signer)
            next = found.rotation.commitment
        }
    }

    private func how(
        _ depth: Int, _ object: TrustObject, _ id: ObjectID, _ hash: [UInt8]?, own: Bool
    ) -> Ended {
        var kept: [ObjectID]?
        var all = own && hash == nil
        if let hash {
            kept = lists.first { SHA256.hash($0.flatMap(\.octets)) == hash }
            if hash == SHA256.hash([]) { kept = [] }
            all = kept == nil
        }
        return Ended(depth: depth, stamp: object.statement.stamp, id: id, kept: kept, all: all)
    }

    private func best(_ all: [Ended]) -> Ended? {
        all.min { a, b in
            if a.depth != b.depth { return a.depth < b.depth }
            if a.stamp != b.stamp { return a.stamp > b.stamp }
            return a.id > b.id
        }
    }

    func end(of key: Ed25519.PublicKey) -> Ended? {
        best(ended.filter { $0.key == key }.map(\.how))
    }
    func end(of id: ObjectID) -> Ended? { best(endedObjects.filter { $0.id == id }.map(\.how)) }
    private func keeps(_ how: Ended, _ id: ObjectID) -> Bool {
        how.all || how.kept?.contains(id) ?? false
    }

    private func isVoid(_ id: ObjectID, _ object: TrustObject, above depth: Int = .max) -> Bool {
        guard let how = end(of: object.signer), how.depth < depth else { return false }
        return !keeps(how, id)
    }

    func links(_ key: Ed25519.PublicKey) -> Int {
        roots.contains(key) ? 0 : rights.filter { $0.holder == key }.map(\.links).min() ?? 99
    }

    private func rights(_ key: Ed25519.PublicKey, links: Int) -> [Right] {
        if roots.contains(key) {
            return links == 0
                ? [
                    Right(
                        holder: key, by: objects[0].id, links: 0, until: .max, depth: 4,
                        roles: Roles(rawValue: .max), ranges: [])
                ] : rights.filter { $0.holder == key && $0.links == links }
        }
        return rights.filter { $0.holder == key && $0.links == links }
    }

    private func inside(_ ranges: [EID], _ right: Right) -> Bool {
        right.links == 0
            || ranges.allSatisfy { range in
                right.ranges.contains { Self.contains($0, range) }
                    || range == mesh.cryptoEID(of: right.holder, instance: range.instance)
            }
    }

    static func contains(_ outer: EID, _ inner: EID) -> Bool {
        guard outer.instance == inner.instance else { return false }
        switch (outer.kind, inner.kind) {
        case (.ipv4(let a), .ipv4(let b)):
            return a.length <= b.length && Prefix(b.address, length: a.length) == a
        case (.ipv6(let a), .ipv6(let b)):
            return a.length <= b.length && Prefix(b.address, length: a.length) == a
        default: return outer == inner
        }
    }

    private func expand(_ roles: Roles) -> Roles {
        roles.contains(.member) && (genesis?.policy ?? 0) & 1 == 0 ? roles.union(.admitter) : roles
    }

    private mutating func round(_ links: Int) {
        let (rightsBefore, countedBefore) = (rights, counted)
        var known: [(id: ObjectID, depth: Int)] = []
        while true {
            (rights, counted) = (rightsBefore, countedBefore)
            if links > 0 { give(links) }
            var more: [(id: ObjectID, depth: Int)] = []
            for (id, object) in objects where !known.contains(where: { $0.id == id }) {
                if let depth = depthOfRevocation(id, object, links) { more.append((id, depth)) }
            }
            if more.isEmpty { return }
            for (id, depth) in more {
                guard let object = object(id),
                    case .revocation(let revocation) = object.statement.kind
                else { continue }
                switch revocation.subject {
                case .key(let key):
                    let own = key == object.signer
                    ended.append((key, how(depth, object, id, revocation.keepList, own: own)))
                case .object(let subject):
                    endedObjects.append(
                        (subject, how(depth, object, id, revocation.keepList, own: false)))
                }
            }
            known += more
        }
    }

    /// Of a revocation that counts and is decided in this round.
    private func depthOfRevocation(_ id: ObjectID, _ object: TrustObject, _ links: Int) -> Int? {
        guard case .revocation(let revocation) = object.statement.kind else { return nil }
        let accused: Ed25519.PublicKey
        switch revocation.subject {
        case .key(let key): accused = key
        case .object(let subject):
            guard let target = self.object(subject) else { return nil }
            switch target.statement.kind {
            case .genesis, .rotation, .revocation, .nodeRecord: return nil
            default: accused = target.signer
            }
        }
        let signer = object.signer
        if !roots.contains(accused), !isVoid(id, object, above: links) {
            if accused == signer, self.links(signer) == links { return links }
            if accused != signer, self.links(accused) >= links,
                rights(signer, links: links).contains(where: {
                    $0.until >= object.statement.stamp && $0.roles.contains(.revoker)
                })
            {
                return links
            }
        }
        if self.links(accused) == links, !roots.contains(accused), lords(accused).contains(signer),
            !isVoid(id, object, above: self.links(signer))
        {
            return self.links(signer)
        }
        return nil
    }

    /// Those without whom a key would be nothing, among its shortest chains of roles.
    private func lords(_ key: Ed25519.PublicKey) -> [Ed25519.PublicKey] {
        if roots.contains(key) { return [] }
        let shortest = rights(key, links: links(key))
        var common: [Ed25519.PublicKey]?
        for right in shortest {
            var chain: [Ed25519.PublicKey] = []
            if let object = object(right.by), given(object).roles != [] {
                var giver = object.signer
                if case .admission(let admission) = object.statement.kind {
                    giver = self.object(admission.invite)?.signer ?? giver
                }
                chain = lords(giver) + [giver]
            }
            common = common?.filter { chain.contains($0) } ?? chain
        }
        return common ?? []
    }

    private func given(_ object: TrustObject) -> (roles: Roles, ranges: [EID]) {
        switch object.statement.kind {
        case .grant(let grant): return (grant.roles, grant.ranges)
        case .admission(let admission):
            guard case .invite(let invite)? = self.object(admission.invite)?.statement.kind else {
                return ([], [])
            }
            return (invite.roles, invite.ranges)
        default: return ([], [])
        }
    }

    private mutating func give(_ links: Int) {
        for (id, object) in objects {
            guard case .grant(let grant) = object.statement.kind, !isVoid(id, object),
                end(of: id) == nil
            else { continue }
            let until = grant.notAfter == 0 ? UInt64.max : grant.notAfter
            let ok = rights(object.signer, links: links - 1).contains { right in
                let ordinary = grant.roles == [] && grant.names.isEmpty && !grant.ranges.isEmpty
                return (ordinary || right.roles.contains(.grantor))
                    && right.roles.isSuperset(of: grant.roles) && right.until >= until
                    && Int(grant.depth) < right.depth && inside(grant.ranges, right)
            }
            if ok {
                rights.append(
                    Right(
                        holder: grant.subject, by: id, links: links, until: until,
                        depth: Int(grant.depth), roles: expand(grant.roles), ranges: grant.ranges))
            }
        }
        admit(links)
    }

    /// Again and again the lowest admission that has a right now and has not been looked at.
    private mutating func admit(_ links: Int) {
        var seen: [ObjectID] = []
        again: while true {
            for (id, object) in objects where !seen.contains(id) {
                guard case .admission(let admission) = object.statement.kind,
                    let right = right(of: id, object, admission, links)
                else { continue }
                seen.append(id)
                let mine = counted.filter { $0.invite == admission.invite }
                if let earlier = mine.first(where: { $0.node == admission.node }) {
                    if earlier.admission == id { rights.append(right) }
                } else if case .invite(let invite)? = self.object(admission.invite)?.statement.kind,
                    mine.count < Int(invite.uses)
                {
                    counted.append((admission.invite, id, admission.node))
                    rights.append(right)
                }
                continue again
            }
            return
        }
    }

    private func right(
        of id: ObjectID, _ object: TrustObject, _ admission: Admission, _ links: Int
    ) -> Right? {
        guard let source = self.object(admission.invite),
            case .invite(let invite) = source.statement.kind,
            !isVoid(id, object), end(of: id) == nil, !isVoid(admission.invite, source)
        else { return nil }
        if let how = end(of: admission.invite), !keeps(how, id) { return nil }
        let end = invite.notAfter == 0 ? UInt64.max : invite.notAfter
        guard object.statement.stamp <= end else { return nil }
        func carriers(_ at: Int) -> [Right] {
            rights(source.signer, links: at).filter {
                $0.roles.contains(.inviter) && $0.roles.isSuperset(of: invite.roles)
                    && $0.depth > 0 && inside(invite.ranges, $0)
            }
        }
        let inviteLinks = (0..<links).first { at in carriers(at).contains { $0.until >= end } }
        let admitterLinks = (0...links).first { at in
            rights(object.signer, links: at).contains {
                $0.roles.contains(.admitter) && $0.until >= object.statement.stamp
            }
        }
        guard let inviteLinks, let admitterLinks else { return nil }
        let base = max(inviteLinks + 1, admitterLinks)
        let mine = (0..<links).filter { max($0 + 1, base) == links }.flatMap { carriers($0) }
        guard let until = mine.map(\.until).max(), let depth = mine.map({ $0.depth - 1 }).max()
        else { return nil }
        return Right(
            holder: admission.node, by: id, links: links, until: until, depth: depth,
            roles: expand(invite.roles), ranges: invite.ranges)
    }
}

// At a time
extension SlowEvaluator {
    func effective(_ key: Ed25519.PublicKey, at time: UInt64) -> [Right] {
        end(of: key) != nil ? [] : rights.filter { $0.holder == key && $0.until >= time }
    }

    func roles(_ key: Ed25519.PublicKey, at time: UInt64) -> Roles {
        effective(key, at: time).reduce(into: Roles()) { $0.formUnion($1.roles) }
    }

    func isMember(_ key: Ed25519.PublicKey, at time: UInt64) -> Bool {
        roles(key, at: time).contains(.member)
    }

    private static func skeleton(_ name: MeshName) -> String {
        var text = name.description
        for (from, to) in [
            ("0", "o"), ("1", "l"), ("i", "l"), ("5", "s"), ("m", "rn"), ("w", "vv"),
        ] {
            text = text.split(separator: from, omittingEmptySubsequences: false)
                .joined(separator: to)
        }
        return text
    }

    /// What a claim is for, so that equal things are equal.
    private func thing(_ claim: Claim) -> String? {
        switch claim.what {
        case .name(let name): return Self.skeleton(name)
        case .address(let index):
            guard let pool = genesis?.pool else { return nil }
            return mesh.address(of: claim.subject, index: index, pool: pool)?.description
        }
    }

    /// Whose claim of something counts, by its object.
    func winner(of thing: String, at time: UInt64) -> ObjectID? {
        var candidates: [(granted: Bool, id: ObjectID, holder: Ed25519.PublicKey, free: UInt64?)] =
            []
        for (id, object) in objects {
            if case .grant(let grant) = object.statement.kind,
                grant.names.contains(where: { Self.skeleton($0) == thing })
            {
                let mine = rights.filter { $0.by == id }
                guard let until = mine.map(\.until).max() else { continue }
                let free = end(of: grant.subject)?.stamp ?? (until < time ? until : nil)
                candidates.append((true, id, grant.subject, free))
            }
            guard case .claim(let claim) = object.statement.kind, self.thing(claim) == thing else {
                continue
            }
            let stamp = object.statement.stamp
            var roles = Roles()
            for links in 0...16 {
                for right in rights(object.signer, links: links) where right.until >= stamp {
                    roles.formUnion(right.roles)
                }
            }
            guard roles.contains(.admitter),
                object.signer != claim.subject || roles.contains(.grantor)
            else { continue }
            let memberships = rights.filter {
                $0.holder == claim.subject && $0.roles.contains(.member)
            }
            guard let until = memberships.map(\.until).max() else { continue }
            var free: [UInt64] = until < time ? [until] : []
            if isVoid(id, object), let how = end(of: object.signer) { free.append(how.stamp) }
            if let how = end(of: id) { free.append(how.stamp) }
            if let how = end(of: claim.subject) { free.append(how.stamp) }
            candidates.append((false, id, claim.subject, free.min()))
        }
        for candidate in candidates.filter(\.granted) + candidates.filter({ !$0.granted }) {
            guard let free = candidate.free else { return candidate.id }
            if free + 96 * 3_600_000 > time { return nil }
        }
        return nil
    }

    func names(_ key: Ed25519.PublicKey, at time: UInt64) -> [MeshName] {
        var names: [MeshName] = []
        for (id, object) in objects {
            var mine: [MeshName] = []
            switch object.statement.kind {
            case .grant(let grant) where grant.subject == key: mine = grant.names
            case .claim(let claim) where claim.subject == key:
                if case .name(let name) = claim.what { mine = [name] }
            default: break
            }
            names += mine.filter { winner(of: Self.skeleton($0), at: time) == id }
        }
        return isMember(key, at: time) ? names.sorted { $0.description < $1.description } : []
    }

    func addresses(_ key: Ed25519.PublicKey, at time: UInt64) -> Set<String> {
        var addresses: Set<String> = []
        for (id, object) in objects {
            guard case .claim(let claim) = object.statement.kind, claim.subject == key,
                case .address = claim.what, let thing = thing(claim),
                winner(of: thing, at: time) == id
            else { continue }
            addresses.insert(thing)
        }
        return isMember(key, at: time) ? addresses : []
    }

    /// Of all who hold something around the EID: the longest, then the deepest.
    func holders(of eid: EID, at time: UInt64) -> Set<Ed25519.PublicKey> {
        var all: [(length: Int, links: Int, key: Ed25519.PublicKey)] = []
        for key in Set(rights.map(\.holder)) {
            for right in effective(key, at: time) {
                for range in right.ranges where Self.contains(range, eid) {
                    all.append((Int(range.wire.maskLength), right.links, key))
                }
            }
            guard isMember(key, at: time) else { continue }
            let own = mesh.cryptoEID(of: key, instance: eid.instance)
            if own == eid { all.append((128, links(key), key)) }
            for address in addresses(key, at: time) where eid.description == "[0]\(address)/32" {
                all.append((32, links(key), key))
            }
        }
        let longest = all.filter { $0.length == all.map(\.length).max() }
        let deepest = longest.filter { $0.links == longest.map(\.links).max() }
        return Set(deepest.map(\.key))
    }
}
