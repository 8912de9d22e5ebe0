#!/usr/bin/env python3
"""Point 5: a controller with the wrong memory stops nothing (R1.2, R1.3)."""
import os
import shutil
import time

from harness import Cluster, E2eTest, main, wait


class StoreTest(E2eTest):
    def begin(self, c):
        c.start()
        c.up({"web": c.web(minimum=2), "thumbnailer": c.worker(minimum=2)}, **{"x-queues": c.queue()})
        c.wait_service("thumbnailer", ready=2)
        c.wait_web()
        return sorted(r["id"] for r in c.containers())

    def store(self, c):
        return c.controller_config["state_dir"]

    def untouched(self, c, before, seconds=12):
        """Longer than every wait of a fresh controller (R2.4)."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.assertEqual(before, sorted(r["id"] for r in c.containers()))
            time.sleep(0.5)

    def test_empty_store(self):
        with Cluster("empty") as c:
            before = self.begin(c)
            load = c.http_load("/", 50, 20)
            c.controller.stop()
            shutil.move(self.store(c), self.store(c) + ".old")
            c.start_controller()
            self.untouched(c, before)
            self.assertEqual(0, load.result()["failed"], load.now())
            # The agent belongs to the old cluster and says so; nobody is obeyed by mistake.
            self.assertIn("cluster", c.controller.tail(200) + c.agents[0].process.tail(200))
            c.controller.stop()
            shutil.rmtree(self.store(c))
            shutil.move(self.store(c) + ".old", self.store(c))
            c.start_controller()
            c.wait_service("web", ready=2)
            self.assertEqual(before, sorted(r["id"] for r in c.containers()))

    def test_empty_store_same_cluster_shows_orphans(self):
        with Cluster("orphan") as c:
            before = self.begin(c)
            # An agent without memory of its cluster joins the new one; what it finds was never ordered there.
            c.agents[0].process.stop()
            c.controller.stop()
            shutil.move(self.store(c), self.store(c) + ".old")
            shutil.rmtree(c.agents[0].state)
            os.makedirs(c.agents[0].state)
            c.start_controller()
            c.agents[0].process.start()
            orphans = wait("the orphans are shown", lambda: len(c.orphans()) == len(before) and c.orphans(), 30)
            self.assertEqual({c.stack}, {o["stack"] for o in orphans})
            self.untouched(c, before)

    def test_old_copy(self):
        with Cluster("oldcopy") as c:
            self.begin(c)
            c.controller.stop()
            shutil.copytree(self.store(c), self.store(c) + ".copy")
            c.controller.start()
            c.wait_controller()
            # After the copy was made: more replicas than it knows of.
            c.redis.push(60, job_ms=60000)
            c.wait_service("thumbnailer", 60, desired=6, ready=6)
            before = sorted(r["id"] for r in c.containers())
            c.controller.kill9()
            shutil.rmtree(self.store(c))
            shutil.move(self.store(c) + ".copy", self.store(c))
            c.start_controller()
            self.untouched(c, before)

    def test_store_of_another_cluster(self):
        with Cluster("foreign") as c, Cluster("foreign2") as other:
            before = self.begin(c)
            other.start_controller()
            other.controller.stop()
            c.controller.stop()
            shutil.rmtree(self.store(c))
            shutil.copytree(other.controller_config["state_dir"], self.store(c))
            c.start_controller()
            self.untouched(c, before)
            wait("the mismatch is named", lambda: "cluster" in c.controller.tail(200) + c.agents[0].process.tail(200))


if __name__ == "__main__":
    main()
