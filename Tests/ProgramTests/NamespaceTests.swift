import Foundation
import TestKit
import Testing

/// The program in network namespaces that it has for itself; it takes root to make them.
///
///     192.0.2.1 eth0 ── far 192.0.2.7, where $N runs things
@Suite("The whither command in namespaces", .serialized)
struct NamespaceTests {
    private func shell(_ script: String) throws -> RunningProgram {
        let folder = FileManager.default.temporaryDirectory.appending(
            path: "whither-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let head = """
            set -e; export LC_ALL=C
            D=\(folder.path(percentEncoded: false)); W=\(ProgramTests.program)
            P="--state $D/near --run $D/run"; Q="--state $D/far --run $D/run-far"
            ip link set lo up
            unshare --net sleep 300 & FAR=$!
            trap '$W down $P || true; $W down $Q || true; kill $FAR' EXIT
            until [ "$(readlink /proc/$FAR/ns/net)" != "$(readlink /proc/self/ns/net)" ]
            do sleep 0.05; done
            ip link add eth0 type veth peer name far netns $FAR
            ip address add 192.0.2.1/24 dev eth0; ip link set eth0 up
            N="nsenter -t $FAR -n"
            $N ip link set lo up; $N ip address add 192.0.2.7/24 dev far; $N ip link set far up
            field() { sed "s/.*\\"$1\\":\\[*\\"\\([^\\"]*\\)\\".*/\\1/"; }

            """
        let run = try RunningProgram.run("unshare", ["--net", "sh", "-c", head + script])
        try #require(
            !run.errors.contains("unshare failed"), "it takes root to make network namespaces")
        return run
    }

    @Test("lig is answered over IPv4 and IPv6, and by nobody where nobody is")
    func lig() throws {
        let run = try shell(
            """
            $W create relief --name base $P >$D/created
            EID=$($W id --json $P | field eid)
            for R in 127.0.0.1 ::1 192.0.2.1; do $W lig "$EID" to $R; done
            $N $W lig "$EID" to 192.0.2.1 source fd00::7 count 1
            $W lig 10.250.0.1 to 127.0.0.1 --count 2 --json
            $W lig "$EID" to 127.0.0.1:9 || echo "exit $?"
            """)
        #expect(run.status == 0, "\(run.errors)\(run.output)")
        let lines = run.output.split(separator: "\n").map(String.init)
        #expect(lines.count { $0.hasPrefix("Received map-reply from") } == 4, "\(run.output)")
        #expect(
            lines.count { $0.hasPrefix("  RLOC: 192.0.2.1, up/uw/mp/mw: 1/100/") } == 4,
            "\(run.output)")
        let json = try #require(lines.first { $0.hasPrefix("{") })
        let object = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any]
        #expect((object?["questions"] as? [Any])?.count == 2)
        #expect(json.contains("natively-forward"), "\(json)")
        #expect(lines.last == "exit 1", "\(run.output)")
        #expect(run.output.contains("No answer from 127.0.0.1:9 to 4 map-requests"))
    }

    @Test("two meshes reach each other in plain RFC 9300, with TTL and DSCP outside as inside")
    func legacySites() throws {
        let run = try shell(
            """
            printf '[[lisp.xtr]]\\neid-prefix = "10.82.0.0/16"\\nrloc = "192.0.2.7"\\n' > $D/near.toml
            printf '[[lisp.xtr]]\\neid-prefix = "10.81.0.0/16"\\nrloc = "192.0.2.1"\\n' > $D/far.toml
            $W create near --name a --ipv4 10.81.0.0/16 $P --config $D/near.toml >$D/a
            $N $W create far --name b --ipv4 10.82.0.0/16 $Q --config $D/far.toml >$D/b
            TO=$($N $W id --json $Q | field ipv4)
            ip route get $TO
            ping -c 3 -i 0.2 -W 2 $TO >$D/first || true
            tshark -q -i eth0 -f 'udp port 4341' -c 6 -a duration:20 -w $D/out.pcap 2>$D/said &
            SHARK=$!
            until grep -q 'Capture started' $D/said; do sleep 0.1; done
            ping -c 3 -i 0.2 -W 2 -t 9 -Q 0xb8 $TO | grep received
            wait $SHARK
            tshark -r $D/out.pcap -T fields -e ip.src -e ip.ttl -e ip.dsfield -e icmp.type
            """)
        #expect(run.status == 0, "\(run.errors)\(run.output)")
        // Nobody promises that each packet of plain LISP arrives; what is judged is after the first ones.
        #expect(run.output.contains("dev whither0"), "\(run.output)")
        #expect(run.output.contains("3 packets transmitted, 3 received"), "\(run.output)")
        let asked = run.output.split(separator: "\n").filter {
            $0.hasPrefix("192.0.2.1,10.81.") && $0.hasSuffix("\t9,9\t0xb8,0xb8\t8")
        }
        #expect(asked.count == 3, "\(run.output)")
    }

    @Test("whither down is known at once, and what was sealed can be read")
    func goodbyeAndCapture() throws {
        let run = try shell(
            """
            $W create relief --name base $P --pcap $D/sealed.pcap >$D/created
            $W invite $P | $N $W join --name clinic $Q - >$D/joined
            sleep 0.5; $W show members $P | grep clinic
            $N $W down $Q; sleep 0.1
            $W show members $P | grep clinic
            $N $W up $Q; sleep 1
            $W show members $P | grep clinic
            $W revoke clinic $P >$D/revoked
            $W down $P; grep -h 'member.left' $D/run/*.log
            stat -c %a $D/sealed.pcap
            tshark -r $D/sealed.pcap -Y lisp | wc -l
            tshark -r $D/sealed.pcap -Y '_ws.malformed or _ws.expert.severity >= 8388608' | wc -l
            """)
        #expect(run.status == 0, "\(run.errors)\(run.output)")
        let lines = run.output.split(separator: "\n").map(String.init)
        try #require(lines.count == 7, "\(run.output)\(run.errors)")
        #expect(lines[0].contains(" up ") && lines[2].contains(" up "), "\(run.output)")
        #expect(lines[1].contains(" down "), "\(run.output)")
        #expect(lines[3].hasSuffix("event=member.left member=clinic"), "\(run.output)")
        #expect(lines[4] == "600" && (Int(lines[5]) ?? 0) > 10, "\(run.output)")
        #expect(lines[6] == "0", "\(run.output)")
    }
}
