/// The first `length` bits of a string of at most 128; the rest of `bits` is zero.
struct BitPrefix: Hashable, Sendable {
    var bits: UInt128
    var length: Int

    init(_ bits: UInt128, length: Int) {
        self.bits = length == 0 ? 0 : bits & (.max << UInt128(128 - length))
        self.length = length
    }

    func bit(at index: Int) -> Int { Int(truncatingIfNeeded: bits >> UInt128(127 - index) & 1) }

    func contains(_ other: BitPrefix) -> Bool {
        length <= other.length && BitPrefix(other.bits, length: length).bits == bits
    }

    /// How many first bits both have alike.
    func commonLength(with other: BitPrefix) -> Int {
        min((bits ^ other.bits).leadingZeroBitCount, length, other.length)
    }

    func shortened(to length: Int) -> BitPrefix {
        BitPrefix(bits, length: min(length, self.length))
    }
}

/// A path-compressed binary trie: values at prefixes, found by longest match.
///
/// A node has a value, or two children, or both or (with a value) one: `2n - 1` nodes at most for n
/// prefixes. Nodes lie in pages of 32 octets each (for values of 4) and name each other by number.
struct BitTrie<Value> {
    fileprivate struct Node {
        var bits: UInt128
        var left: Handle
        var right: Handle
        var value: Value?
        var length: UInt8

        var prefix: BitPrefix { BitPrefix(bits, length: Int(length)) }

        subscript(side: Int) -> Handle {
            get { side == 0 ? left : right }
            set { if side == 0 { left = newValue } else { right = newValue } }
        }
    }

    private var nodes = PagedArray<Node>()
    private var root = Handle.nowhere
    /// Unused nodes, each naming the next in `left`.
    private var free = Handle.nowhere
    private(set) var count = 0

    init() {}

    // MARK: Finding

    subscript(prefix: BitPrefix) -> Value? {
        var found: Value?
        walk(towards: prefix) { length, value in
            if length == prefix.length { found = value }
        }
        return found
    }

    /// The value at the longest prefix that covers this one.
    func longestMatch(_ prefix: BitPrefix) -> (length: Int, value: Value)? {
        var found: (Int, Value)?
        walk(towards: prefix) { found = ($0, $1) }
        return found
    }

    /// Visits the values at all prefixes that cover this one, shortest first.
    func walk(towards prefix: BitPrefix, _ visit: (_ length: Int, Value) -> Void) {
        var handle = root
        while handle != .nowhere {
            let node = nodes[handle]
            guard node.prefix.contains(prefix) else { return }
            if let value = node.value { visit(Int(node.length), value) }
            guard Int(node.length) < prefix.length else { return }
            handle = node[prefix.bit(at: Int(node.length))]
        }
    }

    /// The shortest prefix that covers this one and contains no prefix with a value.
    /// - Returns: `nil` if this one contains such a prefix itself.
    func gap(covering prefix: BitPrefix) -> BitPrefix? {
        var handle = root
        // All with fewer bits contain a value.
        var length = 0
        while handle != .nowhere {
            let node = nodes[handle]
            let common = node.prefix.commonLength(with: prefix)
            guard common == node.length else {
                // The node, and what is below it, branches off at this bit or lies below us.
                return common < prefix.length ? prefix.shortened(to: common + 1) : nil
            }
            guard Int(node.length) < prefix.length else { return nil }
            length = Int(node.length) + 1
            handle = node[prefix.bit(at: Int(node.length))]
        }
        return prefix.shortened(to: length)
    }

    /// Visits all values, in the order of their prefixes.
    func visitAll(_ visit: (BitPrefix, Value) -> Void) {
        // Never deeper than one entry a bit, and one more.
        var waiting = root == .nowhere ? [] : [root]
        while let handle = waiting.popLast() {
            let node = nodes[handle]
            if let value = node.value { visit(node.prefix, value) }
            if node.right != .nowhere { waiting.append(node.right) }
            if node.left != .nowhere { waiting.append(node.left) }
        }
    }

    // MARK: Changing

    /// - Returns: the value that was there.
    @discardableResult
    mutating func insert(_ value: Value, at prefix: BitPrefix) -> Value? {
        var parent = Handle.nowhere
        var side = 0
        var handle = root
        while handle != .nowhere {
            let node = nodes[handle]
            let common = node.prefix.commonLength(with: prefix)
            if common == node.length, common == prefix.length {
                nodes[handle].value = value
                if node.value == nil { count += 1 }
                return node.value
            }
            guard common == node.length else {
                // A new node stands above this one, or a branch above both.
                let above = makeNode(prefix.shortened(to: common), nil)
                nodes[above][node.prefix.bit(at: common)] = handle
                if common == prefix.length {
                    nodes[above].value = value
                } else {
                    let leaf = makeNode(prefix, value)
                    nodes[above][prefix.bit(at: common)] = leaf
                }
                attach(above, to: parent, side)
                count += 1
                return nil
            }
            (parent, side) = (handle, prefix.bit(at: common))
            handle = node[side]
        }
        attach(makeNode(prefix, value), to: parent, side)
        count += 1
        return nil
    }

    /// - Returns: the value that was there.
    @discardableResult
    mutating func remove(_ prefix: BitPrefix) -> Value? {
        var path: (grandparent: Handle, grandside: Int, parent: Handle, side: Int) =
            (.nowhere, 0, .nowhere, 0)
        var handle = root
        while handle != .nowhere {
            let node = nodes[handle]
            guard node.prefix.contains(prefix) else { return nil }
            if Int(node.length) == prefix.length { break }
            let side = prefix.bit(at: Int(node.length))
            path = (path.parent, path.side, handle, side)
            handle = node[side]
        }
        guard handle != .nowhere, let value = nodes[handle].value else { return nil }
        nodes[handle].value = nil
        count -= 1
        if contract(handle, below: path.parent, path.side), path.parent != .nowhere {
            // The parent lost a child, and is needless itself if it has no value.
            _ = contract(path.parent, below: path.grandparent, path.grandside)
        }
        return value
    }

    /// Takes out a node without a value that has less than two children.
    /// - Returns: whether nothing stands in its place.
    private mutating func contract(_ handle: Handle, below parent: Handle, _ side: Int) -> Bool {
        let node = nodes[handle]
        guard node.value == nil, node.left == .nowhere || node.right == .nowhere else {
            return false
        }
        let child = node.left == .nowhere ? node.right : node.left
        attach(child, to: parent, side)
        nodes[handle].left = free
        free = handle
        return child == .nowhere
    }

    private mutating func attach(_ handle: Handle, to parent: Handle, _ side: Int) {
        if parent == .nowhere { root = handle } else { nodes[parent][side] = handle }
    }

    private mutating func makeNode(_ prefix: BitPrefix, _ value: Value?) -> Handle {
        let node = Node(
            bits: prefix.bits, left: .nowhere, right: .nowhere, value: value,
            length: UInt8(prefix.length))
        guard free != .nowhere else { return Handle(nodes.append(node)) }
        let handle = free
        free = nodes[handle].left
        nodes[handle] = node
        return handle
    }
}

extension BitTrie: Sendable where Value: Sendable {}
extension BitTrie.Node: Sendable where Value: Sendable {}
