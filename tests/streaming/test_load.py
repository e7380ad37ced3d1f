"""Frames stand further apart when the process is busy, and no further than it is."""

from conversations.streaming.load import BUSY, BUSY_S, CALM, FULL, LATE_S, SLOWER_S, SMOOTHEST_S, Load


class Clocks:
    """A process that uses `share` of a core while time passes."""

    def __init__(self) -> None:
        self.now = self.cpu_s = 0.0
        self.load = Load(lambda: self.now, lambda: self.cpu_s)

    def pass_at(self, share: float, seconds: float = 5.0) -> float:
        """The pace after that, asked for ten times a second as frames do."""
        for _ in range(int(seconds * 10)):
            self.now += 0.1
            self.cpu_s += share * 0.1
            self.load.pace_s()
        return self.load.pace_s()


def test_a_calm_process_shows_text_as_smoothly_as_it_can() -> None:
    assert Clocks().pass_at(CALM) == SMOOTHEST_S


def test_the_busier_the_process_the_further_apart_are_its_frames() -> None:
    paces = [Clocks().pass_at(share) for share in (CALM, (CALM + BUSY) / 2, BUSY, FULL, 1.0)]

    assert paces == sorted(paces)
    assert [round(pace, 3) for pace in paces[1:]] == [(SMOOTHEST_S + BUSY_S) / 2, BUSY_S, BUSY_S, BUSY_S + SLOWER_S]


def test_it_is_smooth_again_when_the_rush_is_over() -> None:
    clocks = Clocks()
    clocks.pass_at(1.0)

    assert clocks.pass_at(CALM / 2) == SMOOTHEST_S


def test_frames_that_come_late_make_room_although_this_process_uses_little() -> None:
    clocks = Clocks()
    for _ in range(200):
        clocks.load.came_late(3 * LATE_S)

    assert clocks.pass_at(0.05) > SMOOTHEST_S + 2 * SLOWER_S
