import Clocks
import Host
import Testing

@Suite("Lines of the log that others can cause")
struct LogThrottleTests {
    @Test("one a minute and subject; the next says how often it was")
    func minute() {
        var throttle = LogThrottle<String>()
        var lines: [Int] = []
        for step in 0..<150_000 {
            let now = Moment.start + .milliseconds(step)
            if let times = throttle.times("liar", at: now) { lines.append(times) }
        }
        #expect(lines == [1, 60_000, 60_000])
        // Another one has lines of its own.
        #expect(throttle.times("other", at: .start + .seconds(150)) == 1)
        #expect(throttle.times("liar", at: .start + .seconds(600)) == 30_000)
    }

    @Test("what is rare is written each time")
    func rare() {
        var throttle = LogThrottle<String>()
        for step in 0..<10 {
            #expect(throttle.times("member", at: .start + .seconds(60 * step)) == 1)
        }
    }

    @Test("it remembers so many subjects; beyond that there are no lines until a minute is over")
    func bounded() {
        var throttle = LogThrottle<Int>(limit: 10)
        let first = (0..<1000).filter { throttle.times($0, at: .start) != nil }
        #expect(first == Array(0..<10))
        #expect(throttle.times(500, at: .start + .seconds(59)) == nil)
        #expect(throttle.times(500, at: .start + .seconds(60)) == 1)
    }
}
