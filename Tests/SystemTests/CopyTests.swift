import Foundation
import Glibc
import Host
import TestKit
import Testing

extension SystemTests {
    @Suite("A machine that was copied", .serialized)
    struct CopyTests {
        @Test("both copies of a node say so within half a minute, and the others go on")
        func secondCopy() throws {
            let bench = try Bench(4, family: .ipv4)
            let all = try bench.mesh(3)
            let (a, b, c, copy) = (all[0], all[1], all[2], bench[4])
            try c.down()
            try bench.run(in: "3", "cp", "-a", c.state, copy.state)
            try c.up()
            try c.reach(a)
            try copy.up()
            func isTold(_ guest: Guest) throws -> Bool {
                try guest.log.contains("identity.second-copy")
                    && guest.status().health.contains { $0.code == "second_copy" }
            }
            let time = try wait(atMost: 30, every: 0.2) { try isTold(c) && isTold(copy) }
            #expect(time != nil, "\(c.failure("not both copies say that there are two", copy))")
            print("both copies know of each other after \(time ?? 99) s")
            try a.reach(b)
            try b.reach(a)
            // Who stops one has a node again.
            try copy.down()
            try c.down()
            try c.up()
            try c.reach(a, patience: 20)
            try b.reach(c, patience: 20)
            #expect(try !c.status().health.contains { $0.code == "second_copy" })
        }
    }
}
