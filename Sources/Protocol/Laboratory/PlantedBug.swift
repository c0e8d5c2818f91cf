/// Mistakes that can be planted, to see whether the tests notice. They are compiled in with the
/// package trait `Laboratory` alone: without it ``isPlanted(_:)`` is the constant `false`.
@usableFromInline
package enum PlantedBug: String, CaseIterable, Sendable {
    // Trust
    case unknownTagIgnored, objectSignatureUnchecked, keepListIgnored, revokedObjectsStay
    case inviteProofUnchecked, boundKeyUnchecked, usesNotCounted, usesByArrival, depthIgnored
    case rangesUnchecked, rotationByAnyKey, expiredGrantCounts, homographsDiffer
    case clockQualityIgnored, clockFloorIgnored, claimsByStampAlone, leapBelieved
    // Mappings
    case recordSignatureUnchecked, templateComparedLoosely, sequenceUnchecked, mergeIgnoresHash
    case futureSequenceAccepted, tombstoneDroppedEarly, tombstoneServed, coverageUnchecked
    case policyInMerge, parentServedBesideDelegate, digestMissesHour, staleForEver
    case revokedSignerServed, negativeTooWide
    // Sessions
    case windowUnmarked, windowTooWide, earlyDataTwice, earlyDataAfterRestart
    case unconfirmedDisplaces, cookieUnchecked, pathMovesUnlimited, counterRepeats
    case oldKeysStay, revokedSessionStays, staticUnchecked, bothOpenersDrop
    case lentCounterRepeats, laneLentTwice, replacedIsSilent, lossReportUnchecked
    case strayUnheard
    // The node
    case innerSourceUnchecked, acknowledgedBeforeDurable, negativeBeforeReconciled
    case touchByOthersCounts, sequenceNotDurable, noFightBack, secondCopyGoesOn
    case reconcileSkipsTrust, retransmissionForgotten, revocationNotSpread, plainPacketAccepted
    case joinerBelievesSeed, oneWitnessSuffices, keepListPiecesMixed, anySeedIsHeard
    case eachAnswerMayBeLarge, legacyInsideMesh, goodbyeOfFormerProcess, summaryTakenForApplied
    case spreadsBehindNAT, anyPortOfNAT, spreadsUntried, callsOneAfterRestart
}

extension PlantedBug {
    /// The part of the protocol that a mistake is in.
    package enum Group: String, Sendable { case trust, mappings, sessions, node }

    package var group: Group {
        let place = Self.allCases.firstIndex(of: self) ?? 0
        func stands(before first: PlantedBug) -> Bool {
            place < Self.allCases.firstIndex(of: first) ?? 0
        }
        if stands(before: .recordSignatureUnchecked) { return .trust }
        if stands(before: .windowUnmarked) { return .mappings }
        return stands(before: .innerSourceUnchecked) ? .sessions : .node
    }
}

#if Laboratory
    import Glibc

    /// Which one is planted in this process: the environment variable `WHITHER_PLANTED`.
    private let planted = getenv("WHITHER_PLANTED").map { String(cString: $0) }.map { name in
        guard let bug = PlantedBug(rawValue: name) else { fatalError("no planted bug \(name)") }
        return bug
    }

    package func isPlanted(_ bug: PlantedBug) -> Bool { planted == bug }
#else
    @inlinable @inline(__always)
    package func isPlanted(_ bug: PlantedBug) -> Bool { false }
#endif
