import Testing

/// Real processes on real interfaces, one test at a time.
@Suite("The system", .serialized)
enum SystemTests {}
