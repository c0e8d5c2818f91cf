/// A growing list in pages of moderate size: a copy of it shares all pages but those that change
/// afterwards, and growing never copies more than a page.
struct PagedArray<Element> {
    private var pages: [ContiguousArray<Element>] = []
    private(set) var count = 0

    /// A power of two, so that a page of most elements has some 64 KiB.
    private static var shift: Int { MemoryLayout<Element>.stride > 16 ? 11 : 13 }
    private static var pageSize: Int { 1 << shift }

    init() {}

    init(repeating element: Element, count: Int) {
        self.count = count
        let (whole, rest) = count.quotientAndRemainder(dividingBy: Self.pageSize)
        pages = (0..<whole).map { _ in ContiguousArray(repeating: element, count: Self.pageSize) }
        if rest > 0 { pages.append(ContiguousArray(repeating: element, count: rest)) }
    }

    subscript(index: Int) -> Element {
        get { pages[index >> Self.shift][index & (Self.pageSize - 1)] }
        _modify { yield &pages[index >> Self.shift][index & (Self.pageSize - 1)] }
    }

    subscript(handle: UInt32) -> Element {
        get { self[Int(handle)] }
        _modify { yield &self[Int(handle)] }
    }

    /// - Returns: where the element is from now on.
    @discardableResult
    mutating func append(_ element: Element) -> Int {
        if count & (Self.pageSize - 1) == 0 {
            pages.append([])
            // The first grows as it needs; the others get their size at once, and no more.
            if count > 0 { pages[pages.count - 1].reserveCapacity(Self.pageSize) }
        }
        pages[pages.count - 1].append(element)
        count += 1
        return count - 1
    }
}

extension PagedArray: Sendable where Element: Sendable {}

/// A place in one of the store's lists.
typealias Handle = UInt32

extension Handle {
    /// No place.
    static var nowhere: Handle { .max }
}
