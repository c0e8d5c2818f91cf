import Clocks
import LISP
import LISPNode
import Sessions

extension World {
    func trace(
        _ kind: TraceEntry.Kind, _ machine: Int, endpoint: UInt32? = nil, octets: [UInt8] = [],
        number: UInt64 = 0, text: @autoclosure () -> String = ""
    ) {
        hash.mix(UInt64(bitPattern: time))
        hash.mix(UInt64(truncatingIfNeeded: machine) << 8 | UInt64(kind.rawValue))
        if let endpoint { hash.mix(UInt64(endpoint)) }
        hash.mix(number)
        // What is sent is seen again when it arrives or is lost.
        if kind == .sent { hash.mix(UInt64(octets.count)) } else { hash.mix(octets) }
        let entry = TraceEntry(
            time: time, machine: machine, kind: kind, endpoint: endpoint, octets: octets,
            number: number, text: text())
        ring.append(entry)
        hooks.line?(entry.line(endpoints, describe: hooks.describe))
    }

    func trace(_ event: Event, at machine: Int) {
        switch event {
        case .start:
            trace(.start, machine, number: machines[machine].incarnation)
        case .datagram(let datagram):
            trace(
                .datagram, machine, endpoint: endpoints.id(of: datagram.remote),
                octets: datagram.octets)
        case .packet(let octets, let instance):
            trace(.packet, machine, octets: octets, number: UInt64(instance))
        case .opened(let octets, let instance, _):
            trace(.packet, machine, octets: octets, number: UInt64(instance))
        case .deadline: trace(.deadline, machine)
        case .heard, .traffic, .pathTrouble: trace(.note, machine, text: "packet threads: \(event)")
        case .written(let batch): trace(.written, machine, number: batch)
        case .locators(let addresses):
            trace(.locators, machine, text: addresses.list)
        case .linkMTU(let octets): trace(.locators, machine, number: UInt64(octets))
        case .legacy(let xtrs): trace(.locators, machine, number: UInt64(xtrs.count))
        case .stopping: trace(.deadline, machine)
        case .command(_, let number): trace(.command, machine, number: number)
        }
    }

    func traceLink(_ kind: TraceEntry.Kind, _ from: Int, _ to: Int) {
        trace(kind, from, number: UInt64(truncatingIfNeeded: to))
    }
}

extension [Address] {
    var list: String {
        map { address in
            switch address {
            case .ipv4(let address): return "\(address)"
            case .ipv6(let address): return "\(address)"
            default: return "\(address)"
            }
        }.joined(separator: ", ")
    }
}
