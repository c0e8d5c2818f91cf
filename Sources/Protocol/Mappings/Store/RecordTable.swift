import Cryptography
import LISP
import Trust

/// The records that are held, small: octets in pages, everything else by number.
///
/// A record of 250 octets costs 6 in its page, 56 for its entry, some 20 in the two hash tables, 4
/// for its EID and 64 in the trie; a signer costs 50.
struct RecordTable: Sendable {
    struct Entry: Sendable {
        let id: RecordID
        let sequence: UInt64
        fileprivate(set) var location: OctetPages.Location
        /// Where its signer and EID are.
        let signer: Handle
        let eid: Handle
        fileprivate(set) var nextOfEID: Handle = .nowhere
        fileprivate var previousOfEID: Handle = .nowhere
        fileprivate(set) var nextOfHour: Handle = .nowhere
        fileprivate var previousOfHour: Handle = .nowhere
        /// When it was last touched: tenths of a second.
        var touched: UInt32
        let isTombstone: Bool
        let isClass0: Bool
    }

    private struct Signer: Sendable {
        /// The key.
        var words: (UInt64, UInt64, UInt64, UInt64)
        var records: UInt32
    }

    private var pages = OctetPages()
    private(set) var entries = PagedArray<Entry>()
    private var freeEntries: [Handle] = []
    private var byID = HandleIndex()
    private var byKey = HandleIndex()

    private var signers = PagedArray<Signer>()
    private var freeSigners: [Handle] = []
    private var bySigner = HandleIndex()

    /// The first record of each EID.
    private var heads = PagedArray<Handle>()
    private var freeHeads: [Handle] = []
    private(set) var eids = PrefixTrie<Handle>()

    private(set) var hours = HourLists()
    private(set) var count = 0
    /// How often a record came or went.
    private(set) var changes: UInt64 = 0
    /// The EIDs of the last of them, as far as they came; of those that went nothing is known.
    private var recent: [EID] = []
    /// Whoever remembers answers looks after every event: few happen in one.
    private static let recentLimit = 16

    // MARK: Finding

    func octets(_ handle: Handle) -> [UInt8] { pages.octets(at: entries[handle].location) }

    func find(_ id: RecordID) -> Handle? {
        byID.find(hash: id.rawValue) { entries[$0].id == id }
    }

    func find(_ id: RecordID, octets: [UInt8]) -> Handle? {
        byID.find(hash: id.rawValue) {
            entries[$0].id == id && pages.equals(octets, at: entries[$0].location)
        }
    }

    /// Where an EID and a signer stand, if something of theirs is held; to be looked for once.
    struct Place {
        fileprivate let eid: Handle?
        fileprivate let signer: Handle?
    }

    func place(of eid: EID, by signer: Ed25519.PublicKey) -> Place {
        Place(eid: eids[eid], signer: find(signer))
    }

    func find(_ place: Place) -> Handle? {
        guard let eid = place.eid, let signer = place.signer else { return nil }
        return byKey.find(hash: Self.hash(eid, signer)) {
            entries[$0].eid == eid && entries[$0].signer == signer
        }
    }

    /// All records of an EID, by the place that the trie names.
    func records(at eid: Handle) -> [Handle] {
        var found: [Handle] = []
        var handle = heads[eid]
        while handle != .nowhere {
            found.append(handle)
            handle = entries[handle].nextOfEID
        }
        return found
    }

    func records(inHour hour: UInt32) -> [Handle] {
        var found: [Handle] = []
        var handle = hours[hour]?.first ?? .nowhere
        while handle != .nowhere {
            found.append(handle)
            handle = entries[handle].nextOfHour
        }
        return found
    }

    func signer(_ handle: Handle) -> Ed25519.PublicKey? { key(entries[handle].signer) }

    func count(of signer: Ed25519.PublicKey) -> Int {
        find(signer).map { Int(signers[$0].records) } ?? 0
    }

    /// All records whose signer satisfies the condition, which is asked once a signer.
    func records(whereSigner condition: (Ed25519.PublicKey) -> Bool) -> [Handle] {
        let chosen = (0..<signers.count).map { index in
            signers[index].records > 0 && (key(Handle(index)).map(condition) ?? false)
        }
        guard chosen.contains(true) else { return [] }
        return (0..<entries.count).compactMap { index in
            let isHeld = entries[index].location != .nowhere
            return isHeld && chosen[Int(entries[index].signer)] ? Handle(index) : nil
        }
    }

    var octetsInPages: Int { pages.size }

    // MARK: Changing

    /// - Parameters:
    ///   - place: of its EID and signer.
    ///   - old: the record of the same key, which is replaced.
    /// - Returns: whether there was room.
    mutating func insert(
        _ record: SignedRecord, id: RecordID, at place: Place, replacing old: Handle?,
        touched: UInt32
    ) -> Bool {
        guard count < Int(Handle.max) else { return false }
        let handle = freeEntries.popLast() ?? Handle(entries.count)
        guard let location = pages.append(record.octets, for: handle) else {
            if handle != Handle(entries.count) { freeEntries.append(handle) }
            return false
        }
        let eid = place.eid ?? newPlace(of: record.eid)
        let signer = place.signer ?? newPlace(of: record.signature.signer)
        let entry = Entry(
            id: id, sequence: record.signature.sequence, location: location, signer: signer,
            eid: eid, touched: touched, isTombstone: record.isTombstone,
            isClass0: record.signature.isClass0)
        if handle == Handle(entries.count) {
            entries.append(entry)
        } else {
            entries[handle] = entry
        }
        signers[signer].records += 1
        index(handle)
        link(handle)
        count += 1
        note(record.eid)
        if let old { take(old) }
        return true
    }

    mutating func remove(_ handle: Handle) {
        changes &+= 1
        recent = []
        take(handle)
    }

    private mutating func note(_ eid: EID) {
        changes &+= 1
        if recent.count == Self.recentLimit { recent.removeFirst() }
        recent.append(eid)
    }

    /// - Returns: `nil` if that is not known any more.
    func changed(since number: UInt64) -> ArraySlice<EID>? {
        let count = changes &- number
        return count <= UInt64(recent.count) ? recent.suffix(Int(count)) : nil
    }

    private mutating func take(_ handle: Handle) {
        let entry = entries[handle]
        unlink(handle)
        unindex(handle)
        if heads[entry.eid] == .nowhere, let record = try? SignedRecord(octets: octets(handle)) {
            eids.remove(record.eid)
            freeHeads.append(entry.eid)
        }
        signers[entry.signer].records -= 1
        if signers[entry.signer].records == 0 { forget(signer: entry.signer) }
        entries[handle].location = .nowhere
        freeEntries.append(handle)
        count -= 1
        for (handle, location) in drop(entry.location) { entries[handle].location = location }
    }

    // Each of these ends its view of the entries before they change: then no page is copied.

    private mutating func index(_ handle: Handle) {
        let now = entries
        byID.insert(handle, hash: now[handle].id.rawValue) { now[$0].id.rawValue }
        byKey.insert(handle, hash: Self.hash(now[handle])) { Self.hash(now[$0]) }
    }

    private mutating func unindex(_ handle: Handle) {
        let now = entries
        byID.remove(handle, hash: now[handle].id.rawValue) { now[$0].id.rawValue }
        byKey.remove(handle, hash: Self.hash(now[handle])) { Self.hash(now[$0]) }
    }

    private mutating func drop(
        _ location: OctetPages.Location
    ) -> [(Handle, OctetPages.Location)] {
        let now = entries
        return pages.remove(at: location) { now[$0].location == $1 }
    }

    mutating func touch(_ handle: Handle, at time: UInt32) { entries[handle].touched = time }

    // MARK: Places

    private static func hash(_ eid: Handle, _ signer: Handle) -> UInt64 {
        mixed(UInt64(eid) << 32 | UInt64(signer))
    }

    private static func hash(_ entry: Entry) -> UInt64 { hash(entry.eid, entry.signer) }

    private mutating func newPlace(of eid: EID) -> Handle {
        let place: Handle
        if let free = freeHeads.popLast() {
            place = free
            heads[place] = .nowhere
        } else {
            place = Handle(heads.append(.nowhere))
        }
        eids.insert(place, at: eid)
        return place
    }

    private static func words(_ key: Ed25519.PublicKey) -> (UInt64, UInt64, UInt64, UInt64) {
        key.octets.withUnsafeBytes {
            (
                $0.loadUnaligned(as: UInt64.self),
                $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self),
                $0.loadUnaligned(fromByteOffset: 16, as: UInt64.self),
                $0.loadUnaligned(fromByteOffset: 24, as: UInt64.self)
            )
        }
    }

    private func key(_ signer: Handle) -> Ed25519.PublicKey? {
        withUnsafeBytes(of: signers[signer].words) { Ed25519.PublicKey(octets: [UInt8]($0)) }
    }

    private func find(_ signer: Ed25519.PublicKey) -> Handle? {
        let words = Self.words(signer)
        return bySigner.find(hash: mixed(words.0)) { signers[$0].words == words }
    }

    private mutating func newPlace(of signer: Ed25519.PublicKey) -> Handle {
        let words = Self.words(signer)
        let new = Signer(words: words, records: 0)
        let place: Handle
        if let free = freeSigners.popLast() {
            place = free
            signers[place] = new
        } else {
            place = Handle(signers.append(new))
        }
        let now = signers
        bySigner.insert(place, hash: mixed(words.0)) { mixed(now[$0].words.0) }
        return place
    }

    private mutating func forget(signer: Handle) {
        let now = signers
        bySigner.remove(signer, hash: mixed(now[signer].words.0)) { mixed(now[$0].words.0) }
        freeSigners.append(signer)
    }

    // MARK: Lists of an EID and of an hour

    private mutating func link(_ handle: Handle) {
        let entry = entries[handle]
        let next = heads[entry.eid]
        entries[handle].nextOfEID = next
        if next != .nowhere { entries[next].previousOfEID = handle }
        heads[entry.eid] = handle
        let nextOfHour = hours.insert(handle, sequence: entry.sequence)
        entries[handle].nextOfHour = nextOfHour
        if nextOfHour != .nowhere { entries[nextOfHour].previousOfHour = handle }
    }

    private mutating func unlink(_ handle: Handle) {
        let entry = entries[handle]
        if entry.nextOfEID != .nowhere {
            entries[entry.nextOfEID].previousOfEID = entry.previousOfEID
        }
        if entry.previousOfEID != .nowhere {
            entries[entry.previousOfEID].nextOfEID = entry.nextOfEID
        } else {
            heads[entry.eid] = entry.nextOfEID
        }
        if entry.nextOfHour != .nowhere {
            entries[entry.nextOfHour].previousOfHour = entry.previousOfHour
        }
        if entry.previousOfHour != .nowhere {
            entries[entry.previousOfHour].nextOfHour = entry.nextOfHour
        }
        hours.remove(
            sequence: entry.sequence,
            first: entry.previousOfHour == .nowhere ? entry.nextOfHour : nil)
    }

    mutating func setEarliest(_ sequence: UInt64, ofHour hour: UInt32) {
        hours.setEarliest(sequence, of: hour)
    }
}
