#!/usr/bin/env python3
"""Point 3: kill -9 of each part in the middle of a scale-up. Nothing doubled, nothing orphaned, nothing lost."""
import random
import time

from haproxy import kill_replica
from harness import Cluster, E2eTest, bridge_address, main, run, wait
from unit_group import UnitGroup

WANTED = 6  # ceil(60 jobs / 10)


class KillTest(E2eTest):
    def begin(self, c, **agent):
        """A stack in the middle of growing: web under load, the queue service on its way from 1 to WANTED."""
        c.start(**agent)
        web = c.web(minimum=2, maximum=4)
        web["ports"] = [{"target": 8000, "published": str(c.web_port), "app_protocol": "http"}]
        c.up({"web": web, "thumbnailer": c.worker(down="5s")}, **{"x-queues": c.queue()})
        c.wait_web()
        c.wait_service("thumbnailer", ready=1)
        self.load = c.http_load("/sleep?ms=40", 100, 20)
        c.redis.push(60, job_ms=1000)
        wait("the scale-up has begun", lambda: len(c.containers("thumbnailer")) >= 2, 30)

    def converged(self, c):
        """As many as wanted, each once; then all jobs done and back to the minimum."""
        c.wait_service("thumbnailer", 60, desired=WANTED, ready=WANTED, draining=0)
        rows = c.containers("thumbnailer")
        self.assertEqual(WANTED, len(rows), rows)
        self.assertEqual(len(rows), len({r["number"] for r in rows}), rows)
        self.assertEqual([], c.orphans())
        self.assertEqual({r["containerId"] for r in c.replicas("thumbnailer")}, {r["id"] for r in rows})
        wait("all jobs are done", lambda: c.redis.jobs()["done"] == 60, 120)
        c.wait_service("thumbnailer", 60, desired=1, ready=1, draining=0)
        jobs = c.redis.jobs()
        print(f"jobs: {jobs}")
        self.assertEqual(0, jobs["lost"], jobs)
        wait("one container is left", lambda: len(c.containers("thumbnailer")) == 1)
        return jobs

    def test_controller(self):
        with Cluster("kctl") as c:
            self.begin(c)
            before = {s["name"]: s["desired"] for s in c.api(f"/v1/services?stack={c.stack}")["services"]}
            time.sleep(random.uniform(0, 0.5))
            c.controller.kill9()
            time.sleep(2)
            c.controller.start()
            c.wait_controller()
            after = c.service("thumbnailer")
            self.assertGreaterEqual(after["desired"], before["thumbnailer"])
            jobs = self.converged(c)
            self.assertEqual(0, jobs["repeated"], jobs)
            self.assertEqual(0, self.load.result()["failed"], self.load.now())

    def test_agent(self):
        """Killed alone, then with all of its unit, as at an upgrade: the balancer and its keeper are not in that."""
        with Cluster("kagent") as c, UnitGroup(c.stack + "-agent") as unit:
            c.agent_prefix = unit.prefix
            self.begin(c)
            time.sleep(random.uniform(0, 0.5))
            c.agents[0].process.kill9()
            time.sleep(1)
            c.agents[0].process.start()
            time.sleep(random.uniform(0.2, 1))
            balancer = sorted(c.haproxy_pids() + c.keeper_pids())
            self.assertIn(c.agents[0].process.pid, unit.pids())
            unit.kill()
            c.agents[0].process.popen.wait()
            self.assertEqual(balancer, sorted(c.haproxy_pids() + c.keeper_pids()))
            c.agents[0].process.start()
            jobs = self.converged(c)
            self.assertEqual(0, jobs["repeated"], jobs)
            self.assertEqual(0, self.load.result()["failed"], self.load.now())

    def test_haproxy(self):
        with Cluster("kproxy") as c:
            self.begin(c)
            old = c.haproxy_pids()
            self.assertTrue(old)
            run("kill", "-KILL", *old)
            wait("another HAProxy runs", lambda: c.haproxy_pids() and not set(c.haproxy_pids()) & set(old), 10)
            c.wait_web()
            self.load.stop()
            again = c.http_load("/", 50, 10)
            self.assertEqual(0, self.converged(c)["repeated"])
            self.assertEqual(0, again.result()["failed"], again.now())

    def test_haproxy_while_no_agent_lives(self):
        """R6.4: back within 2 s, with the right backends, also when only its master was killed."""
        with Cluster("kkeep") as c:
            c.start(redis=False)
            c.up({"web": c.web(minimum=1, maximum=2)})
            c.drover("scale", f"{c.stack}/web=2", "--forever")
            c.wait_service("web", ready=2)
            c.wait_web()
            wait("it has a keeper", lambda: len(c.keeper_pids()) == 1)
            c.agents[0].process.kill9()
            for master_alone in (True, False):
                master = c.haproxy_master()
                run("kill", "-KILL", *([master] if master_alone else c.haproxy_pids()))
                wait("another master runs", lambda: c.haproxy_master() not in (None, master), 2, 0.02)
                wait("it answers", c.ask_web, 2, 0.02)
            c.agents[0].process.start()
            c.wait_service("web", ready=2)
            load = c.http_load("/", 50, 3)
            c.drover("scale", f"{c.stack}/web=1", "--forever")
            c.wait_service("web", 30, ready=1, draining=0)
            self.assertEqual(0, load.result()["failed"], load.now())
            self.assertEqual(1, len(c.keeper_pids()))

    def test_replica(self):
        with Cluster("kreplica") as c:
            self.begin(c, advertise_address=bridge_address())
            victim = c.containers("thumbnailer")[0]["id"]
            run("docker", "kill", "-s", "KILL", victim)
            in_hand, at_most = kill_replica(c, c.replicas("web")[0])
            c.wait_service("web", 30, ready=2)
            jobs = self.converged(c)
            self.assertLessEqual(jobs["repeated"], 1, jobs)
            # Requests in the killed replica are cut off, and no others.
            result = self.load.result()
            print(f"in the killed replica: {in_hand} to {at_most}; requests: {result}")
            self.assertLessEqual(result["failed"], at_most, result)

    def test_redis(self):
        with Cluster("kredis") as c:
            self.begin(c)
            c.redis.process.kill9()
            time.sleep(2)
            # Unknown is not zero: nothing goes down while the queue cannot be read.
            self.assertGreaterEqual(c.service("thumbnailer")["desired"], 2)
            c.redis.start()
            self.converged(c)
            self.assertEqual(0, self.load.result()["failed"], self.load.now())


if __name__ == "__main__":
    main()
