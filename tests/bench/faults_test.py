#!/usr/bin/env python3
"""faults.py's own judgement: that it would see what it says it checks."""
import os
import sys
import unittest
from unittest import mock

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "e2e"))
import faults  # noqa: E402
from faults_watch import EdgeWatch, overlaps, spans  # noqa: E402


def process(replica, started, *runs):
    """Lines of one that wrote ten times a second in each (from, to)."""
    return [(replica, started, begin + i / 10) for begin, end in runs for i in range(round((end - begin) * 10) + 1)]


class WitnessTest(unittest.TestCase):
    def test_one_after_the_other(self):
        lines = process("a", 0, (0, 5)) + process("b", 5.5, (5.5, 9))
        self.assertEqual([("a", 0), ("b", 5.5)], [span[0] for span in spans(lines)])
        self.assertEqual([], overlaps(lines))

    def test_the_same_replica_started_anew_before_the_old_one_ended(self):
        self.assertAlmostEqual(0.5, overlaps(process("a", 0, (0, 5)) + process("a", 4.5, (4.5, 9)))[0])

    def test_a_single_line_is_enough(self):
        self.assertEqual([0], overlaps(process("a", 0, (0, 5)) + [("b", 3, 3.0)]))

    def test_frozen_while_the_other_ran(self):
        """Only what ran after the thaw counts, however long it was frozen."""
        lines = process("a", 0, (0, 5), (40, 40.3)) + process("b", 30, (30, 60))
        self.assertEqual(1, len(overlaps(lines)))
        self.assertAlmostEqual(0.3, overlaps(lines)[0])


class EdgeTest(unittest.TestCase):
    def watch(self, *looks):
        """Of one balancer that can't reach host 2; each look has rows (address, status, in flight, sent so far)."""
        bed = mock.Mock()
        bed.lab.addr = lambda host: f"10.0.0.{host}"
        bed.edge_rows = lambda edge: {a: {"svname": "drv1", "status": s, "scur": str(n), "stot": str(t)} for a, s, n, t in looks[self.at]}
        with mock.patch("threading.Thread"):
            self.at = 0
            watch = EdgeWatch(bed, [1], [(1, 2)])
            for self.at in range(1, len(looks)):
                watch.look()
        return watch

    def test_what_was_in_hand_and_what_was_sent(self):
        watch = self.watch([("10.0.0.2:1", "UP", 3, 100), ("10.0.0.3:1", "UP", 5, 70)], [("10.0.0.2:1", "UP 1/2", 4, 102), ("10.0.0.3:1", "UP", 5, 90)],
                           [("10.0.0.2:1", "DOWN", 4, 103), ("10.0.0.3:1", "UP", 5, 95)])
        self.assertEqual(3 + 3, watch.sent)
        self.assertIsNotNone(watch.marked_down_at(0))

    def test_a_slot_that_another_replica_took_over(self):
        watch = self.watch([("10.0.0.2:1", "UP", 0, 100)], [("10.0.0.3:9", "UP", 0, 150)])
        self.assertEqual(0, watch.sent)

    def test_never_marked_down(self):
        watch = self.watch([("10.0.0.2:1", "UP", 0, 100)], [("10.0.0.2:1", "UP", 0, 100)])
        self.assertIsNone(watch.marked_down_at(0))

    def test_nothing_was_there(self):
        self.assertIsNone(self.watch([("10.0.0.3:1", "UP", 0, 100)]).marked_down_at(0))


class JudgeTest(unittest.TestCase):
    def judged(self, failures, sent=10, struck=((1, 3),), away=None):
        """Of a host gone at 100.5 s; failures by edge."""
        bed, fault = mock.Mock(), mock.Mock()
        bed.clients = {edge: mock.Mock(failures=lambda rows=rows: rows) for edge, rows in failures.items()}
        fault.struck.return_value, fault.away.return_value = list(struck), away
        of = faults.Round(bed, 1, fault, {})
        of.watch, of.struck_at, of.gone_at, of.edge_back = mock.Mock(sent=sent), 100, 100.5, 120
        of.judge_requests()
        return of

    def test_up_to_the_mark_down_and_no_later(self):
        self.assertEqual([], self.judged({1: [(99.9, 104, "x"), (101.9, 106, "x")]}).missed)
        self.assertIn("1 requests failed for no dead host", self.judged({1: [(102.1, 107, "x")]}).missed[0])
        self.assertIn("no dead host", self.judged({1: [(98, 99, "x")]}).missed[0])

    def test_no_more_than_were_sent_there(self):
        self.assertIn("2 requests failed, 1 were sent", self.judged({1: [(101, 106, "x")] * 2}, sent=1).missed[0])

    def test_without_a_dead_host_none(self):
        self.assertTrue(self.judged({1: [(100.1, 101, "x")]}, struck=()).missed)

    def test_clients_of_the_edge_that_is_away(self):
        of = self.judged({1: [(110, 115, "connect")], 2: []}, away=1)
        self.assertEqual(([], 1), (of.missed, of.requests["at_away_edge"]))
        self.assertTrue(self.judged({1: [(121, 122, "x")]}, away=1).missed)  # it serves again since 120

    def test_every_kind_comes_equally_often(self):
        kinds = ["a", "b", "c"]
        self.assertEqual([2, 2, 2], [faults.deck(kinds, 7, 6).count(k) for k in kinds])
        self.assertEqual(faults.deck(kinds, 7, 4), faults.deck(kinds, 7, 6)[:4])


if __name__ == "__main__":
    unittest.main()
