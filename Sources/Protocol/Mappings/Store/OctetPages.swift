/// The octets of many records behind each other, in pages.
///
///     page: { handle:32 | length:16 | octets… }*
///
/// A page is only ever written at its end. When an eighth of it is no longer used its rest is moved
/// to the newest page: so no more than an eighth of the whole is waste, however records change.
struct OctetPages: Sendable {
    private var pages: [[UInt8]] = []
    /// Octets of each page that are still used, heads included.
    private var used: [UInt32] = []
    private var freePages: [Int] = []
    private var newest = 0

    /// With the 32 octets that an array has in front of them exactly 64 KiB.
    static let pageSize = (1 << 16) - 32
    private static let headSize = 6

    /// Page and offset, 16 bits each: room for 4 GiB.
    typealias Location = UInt32

    init() {}

    /// Octets in all pages, used or not.
    var size: Int { pages.reduce(0) { $0 + $1.count } }

    func octets(at location: Location) -> [UInt8] {
        [UInt8](slice(at: location))
    }

    func equals(_ octets: [UInt8], at location: Location) -> Bool {
        slice(at: location).elementsEqual(octets)
    }

    private func slice(at location: Location) -> ArraySlice<UInt8> {
        let (page, offset) = Self.split(location)
        let length = Int(pages[page][offset + 4]) << 8 | Int(pages[page][offset + 5])
        let start = offset + Self.headSize
        return pages[page][start..<start + length]
    }

    private static func split(_ location: Location) -> (page: Int, offset: Int) {
        (Int(location >> 16), Int(location & 0xFFFF))
    }

    /// - Returns: `nil` if there is no room left in 4 GiB.
    mutating func append(_ octets: [UInt8], for handle: Handle) -> Location? {
        let size = octets.count + Self.headSize
        guard size < Self.pageSize, makeRoom(size) else { return nil }
        let offset = pages[newest].count
        for shift in [24, 16, 8, 0] as [Handle] {
            pages[newest].append(UInt8(truncatingIfNeeded: handle >> shift))
        }
        pages[newest].append(UInt8(truncatingIfNeeded: octets.count >> 8))
        pages[newest].append(UInt8(truncatingIfNeeded: octets.count))
        pages[newest].append(contentsOf: octets)
        used[newest] += UInt32(size)
        return Location(newest) << 16 | Location(offset)
    }

    private mutating func makeRoom(_ size: Int) -> Bool {
        if !pages.isEmpty, pages[newest].count + size <= Self.pageSize { return true }
        if let page = freePages.popLast() {
            newest = page
        } else {
            guard pages.count < 1 << 16 else { return false }
            newest = pages.count
            pages.append([])
            used.append(0)
        }
        // A small store does not pay for a whole page; a large one does not grow each in steps.
        if pages.count > 2 { pages[newest].reserveCapacity(Self.pageSize) }
        return true
    }

    /// Gives up what is at the location.
    /// - Returns: what moved because of it: handles and where their octets are now.
    mutating func remove(
        at location: Location, isUsed: (Handle, Location) -> Bool
    ) -> [(Handle, Location)] {
        let (page, offset) = Self.split(location)
        let length = Int(pages[page][offset + 4]) << 8 | Int(pages[page][offset + 5])
        used[page] -= UInt32(length + Self.headSize)
        guard page != newest else {
            if used[page] == 0 { pages[page].removeAll(keepingCapacity: true) }
            return []
        }
        guard Int(used[page]) < pages[page].count / 8 * 7 else { return [] }
        let old = pages[page]
        (pages[page], used[page]) = ([], 0)
        freePages.append(page)
        var moved: [(Handle, Location)] = []
        var start = 0
        while start < old.count {
            let handle = old[start..<start + 4].reduce(Handle(0)) { $0 << 8 | Handle($1) }
            let end = start + Self.headSize + (Int(old[start + 4]) << 8 | Int(old[start + 5]))
            if isUsed(handle, Location(page) << 16 | Location(start)),
                let to = append([UInt8](old[start + Self.headSize..<end]), for: handle)
            {
                moved.append((handle, to))
            }
            start = end
        }
        return moved
    }
}
