/// A mapping: one EID-Prefix and its locators (RFC 9301 §5.4).
///
///     | Record TTL:32 |
///     | Locator Count:8 | EID mask-len:8 | ACT:3 A:1 Reserved:12 |
///     | Rsvd:4 Map-Version Number:12 | EID-Prefix-AFI:16 | EID-Prefix… |
///     | Locator records, Locator Count times… |
package struct EIDRecord: Hashable, Sendable {
    /// Minutes; 0: remove now; 0xFFFFFFFF: the receiver decides.
    package var ttl: UInt32
    package var maskLength: UInt8
    /// ACT, A and 12 reserved bits, as sent.
    package var flags: Flags
    /// Four reserved bits and the Map-Version Number, as sent.
    package var versionWord: UInt16
    package var eid: Address
    /// At most 255.
    package var locators: [LocatorRecord]

    package struct Flags: RawRepresentable, Hashable, Sendable {
        package var rawValue: UInt16
        package init(rawValue: UInt16) { self.rawValue = rawValue }

        package init(action: Action = .noAction, isAuthoritative: Bool = false) {
            rawValue = UInt16(action.rawValue) << 13 | (isAuthoritative ? 0x1000 : 0)
        }

        package var action: Action {
            // Three bits, and Action has all eight cases.
            Action(rawValue: UInt8(rawValue >> 13)) ?? .noAction
        }
        /// A: from an ETR of the site, not from a Map-Server for it.
        package var isAuthoritative: Bool { rawValue & 0x1000 != 0 }
        package var reserved: UInt16 { rawValue & 0x0FFF }
    }

    /// What an ITR does with a packet for an EID without locators (RFC 9301 §5.4, §12.3).
    package enum Action: UInt8, Hashable, Sendable, CaseIterable {
        case noAction, nativelyForward, sendMapRequest, drop, dropPolicyDenied, dropAuthFailure
        /// Unassigned in RFC 9301.
        case unassigned6, unassigned7
    }

    package var mapVersion: UInt16 { versionWord & 0x0FFF }

    package init(
        eid: Address, maskLength: UInt8, ttl: UInt32, flags: Flags = Flags(),
        versionWord: UInt16 = 0, locators: [LocatorRecord] = []
    ) {
        self.ttl = ttl
        self.maskLength = maskLength
        self.flags = flags
        self.versionWord = versionWord
        self.eid = eid
        self.locators = locators
    }
}

extension EIDRecord: WireValue {
    package init(from reader: inout OctetReader) throws(WireError) {
        let ttl: UInt32 = try reader.read("Record TTL")
        let locatorCount: UInt8 = try reader.read("Locator Count")
        let maskLength: UInt8 = try reader.read("EID mask-len")
        let flags: UInt16 = try reader.read("ACT")
        let versionWord: UInt16 = try reader.read("Map-Version Number")
        let eid = try Address(from: &reader, "EID-Prefix")
        var locators: [LocatorRecord] = []
        locators.reserveCapacity(
            min(Int(locatorCount), reader.remaining / LocatorRecord.minimumSize))
        for _ in 0..<locatorCount { locators.append(try LocatorRecord(from: &reader)) }
        // All at once: assigned one by one, the whole would be copied at the end.
        self.ttl = ttl
        self.maskLength = maskLength
        self.flags = Flags(rawValue: flags)
        self.versionWord = versionWord
        self.eid = eid
        self.locators = locators
    }

    package func write(to writer: inout OctetWriter) {
        precondition(locators.count <= 255, "Locator Count has 8 bits")
        writer.write(ttl)
        writer.write(UInt8(locators.count))
        writer.write(maskLength)
        writer.write(flags.rawValue)
        writer.write(versionWord)
        eid.write(to: &writer)
        for locator in locators { locator.write(to: &writer) }
    }
}
