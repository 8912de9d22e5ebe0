#!/usr/bin/env python3
"""Point 1: a queue service follows its queue, and every job is done exactly once."""
from harness import Cluster, E2eTest, main, wait


class QueueTest(E2eTest):
    def test_follows_the_depth_up_and_back_and_loses_no_job(self):
        with Cluster("queue") as c:
            c.start(edge=False)
            c.up({"thumbnailer": c.worker(minimum=1, maximum=10, per_replica=10, down="3s")}, **{"x-queues": c.queue()})
            c.wait_service("thumbnailer", desired=1, ready=1)

            c.redis.push(60, job_ms=1500)
            c.wait_service("thumbnailer", 20, desired=6)  # ceil(60 / 10)
            c.wait_service("thumbnailer", 40, ready=6)
            self.assertEqual(6, len(c.containers("thumbnailer")))
            decision = c.why("thumbnailer")["decision"]
            self.assertIn("thumbs", decision["signals"][0]["name"])

            wait("all jobs are done", lambda: c.redis.jobs()["done"] == 60, 90)
            c.wait_service("thumbnailer", 60, desired=1, ready=1, draining=0)
            wait("one container is left", lambda: len(c.containers("thumbnailer")) == 1)
            self.assertEqual({"pushed": 60, "waiting": 0, "held": 0, "done": 60, "repeated": 0, "lost": 0}, c.redis.jobs())

    def test_scaling_down_waits_for_the_job_in_hand(self):
        with Cluster("inhand") as c:
            c.start(edge=False)
            c.up({"thumbnailer": c.worker(minimum=1, maximum=4, per_replica=1, down="1s")}, **{"x-queues": c.queue()})
            c.redis.push(4, job_ms=300, prefix="short-")
            c.wait_service("thumbnailer", 30, desired=4)
            c.redis.push(4, job_ms=8000, prefix="long-")
            c.wait_service("thumbnailer", 30, ready=4)
            wait("all jobs are done", lambda: c.redis.jobs()["done"] == 8, 60)
            c.wait_service("thumbnailer", 60, desired=1, ready=1, draining=0)
            jobs = c.redis.jobs()
            self.assertEqual((8, 0, 0), (jobs["done"], jobs["repeated"], jobs["lost"]))


if __name__ == "__main__":
    main()
