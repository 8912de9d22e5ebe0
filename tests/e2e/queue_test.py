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
            c.drover("scale", f"{c.stack}/thumbnailer=4", "--hold", "1h")
            c.wait_service("thumbnailer", 30, ready=4)
            c.redis.push(4, job_ms=25000)  # shorter than stop_grace_period
            wait("each of four has a job in hand", lambda: c.redis.jobs()["held"] == 4, 20)
            c.drover("scale", f"{c.stack}/thumbnailer=1", "--hold", "1h")
            c.wait_service("thumbnailer", 10, desired=1, draining=3)
            self.assertEqual(4, c.redis.jobs()["held"], "ordered to stop with their jobs in hand")
            c.wait_service("thumbnailer", 60, ready=1, draining=0)
            wait("all jobs are done", lambda: c.redis.jobs()["done"] == 4, 30)
            wait("one container is left", lambda: len(c.containers("thumbnailer")) == 1)
            self.assertEqual({"pushed": 4, "waiting": 0, "held": 0, "done": 4, "repeated": 0, "lost": 0}, c.redis.jobs())


if __name__ == "__main__":
    main()
