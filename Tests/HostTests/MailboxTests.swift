import Host
import Testing

@Suite("Mailboxes")
struct MailboxTests {
    struct Parcel: MailboxLetter {
        var octets: Int
    }

    @Test("droppable letters are bounded by number")
    func letters() throws {
        let mailbox = try Mailbox<Parcel>(limit: 3)
        mailbox.post(droppable: Array(repeating: Parcel(octets: 1), count: 5))
        #expect(mailbox.lost == 2)
        #expect(mailbox.take().count == 3)
    }

    @Test("and by octets: the longest datagrams that anybody can send fill no memory")
    func octets() throws {
        let mailbox = try Mailbox<Parcel>(limit: 4096)
        for _ in 0..<4096 / 64 {
            mailbox.post(droppable: Array(repeating: Parcel(octets: 65_507), count: 64))
        }
        let taken = mailbox.take()
        #expect(taken.reduce(0) { $0 + $1.octets } <= 16 << 20)
        #expect(taken.count >= 200 && mailbox.lost == UInt64(4096 - taken.count))
        // What is taken makes room again.
        mailbox.post(droppable: [Parcel(octets: 65_507)])
        #expect(mailbox.take().count == 1)
    }

    @Test("what must not be lost has room all the same, and all usual packets fit")
    func kept() throws {
        let mailbox = try Mailbox<Parcel>(limit: 4096, octets: 100)
        mailbox.post(droppable: [Parcel(octets: 100)])
        mailbox.post(Parcel(octets: 50))
        #expect(mailbox.take().count == 2 && mailbox.lost == 0)
        let usual = try Mailbox<Parcel>(limit: 4096)
        usual.post(droppable: Array(repeating: Parcel(octets: 1500), count: 4096))
        #expect(usual.lost == 0)
    }
}
