/// A list that needs no memory of its own for up to two elements.
///
/// Nearly every LISP message has one or two of everything (ITR-RLOCs, EID-records, locators); an
/// array would cost an allocation each. From the third element on the rest is an array.
package struct Few<Element> {
    private var first: Element?
    private var second: Element?
    private var rest: [Element] = []

    package init() {}

    package mutating func append(_ element: Element) {
        if first == nil {
            first = element
        } else if second == nil {
            second = element
        } else {
            rest.append(element)
        }
    }
}

extension Few: RandomAccessCollection {
    package var startIndex: Int { 0 }
    package var endIndex: Int {
        first == nil ? 0 : second == nil ? 1 : 2 + rest.count
    }

    package subscript(position: Int) -> Element {
        if position == 0, let first { return first }
        if position == 1, let second { return second }
        return rest[position - 2]
    }
}

extension Few {
    package init(_ elements: some Sequence<Element>) {
        for element in elements { append(element) }
    }
}

extension Few: ExpressibleByArrayLiteral {
    package init(arrayLiteral elements: Element...) {
        self.init(elements)
    }
}

extension Few: Equatable where Element: Equatable {}
extension Few: Hashable where Element: Hashable {}
extension Few: Sendable where Element: Sendable {}
