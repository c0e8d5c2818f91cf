import Simulator
import Testing

@Suite("World") struct WorldTests {}
