#!/usr/bin/env python3
"""Prometheus finds agents and replicas through the controller's http_sd."""
import json
import os
import shutil
import time
import urllib.request

from harness import Cluster, E2eTest, Process, example_images, free_port, main, missing_part, wait


class DiscoveryTest(E2eTest):
    def test_prometheus_follows_agents_and_replicas(self):
        if shutil.which("prometheus") is None:
            missing_part("prometheus is not installed")
        with Cluster("sd") as c:
            example_images()
            c.start_controller()
            metrics = free_port()
            c.start_agent(metrics={"listen": f"127.0.0.1:{metrics}"})
            service = c.web()
            del service["deploy"]["x-autoscale"]
            service["deploy"]["replicas"] = 2
            c.up({"web": service})
            port = self.start_prometheus(c)

            def targets(job):
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/targets?state=active", timeout=5) as answer:
                    return [t for t in json.load(answer)["data"]["activeTargets"] if t["scrapePool"] == job]

            def published():
                return {f"{r['address']}:{r['published'][0]['hostPort']}" for r in c.replicas("web") if r["state"] == "READY"}

            def same():
                return {t["labels"]["instance"] for t in targets("replicas")} == published() != set()

            wait("Prometheus scrapes the agent", lambda: [t for t in targets("agents") if t["health"] == "up"
                                                          and t["labels"]["instance"] == f"127.0.0.1:{metrics}"])
            wait("Prometheus knows the replicas", same)
            self.assertEqual({(c.stack, "web")}, {(t["labels"]["stack"], t["labels"]["service"]) for t in targets("replicas")})
            c.drover("scale", f"{c.stack}/web=3")
            c.wait_service("web", ready=3)
            wait("Prometheus knows the third", lambda: len(published()) == 3 and same())
            c.drover("scale", f"{c.stack}/web=1")
            c.wait_service("web", ready=1, draining=0)
            wait("Prometheus forgets two", lambda: len(published()) == 1 and same())

            # What does not know yet answers 503, and Prometheus keeps what it had.
            before = {t["labels"]["instance"] for t in targets("replicas")}
            c.controller.kill9()
            c.start_controller()
            for _ in range(20):
                self.assertEqual(before, {t["labels"]["instance"] for t in targets("replicas")})
                time.sleep(0.1)
            c.wait_service("web", ready=1)
            self.assertTrue(same())

    @staticmethod
    def start_prometheus(c):
        def job(name, query):
            return {"job_name": name, "scrape_interval": "1s", "scrape_timeout": "1s",
                    "http_sd_configs": [{"url": f"{c.addr}/v1/http_sd?{query}", "refresh_interval": "1s"}]}
        file = os.path.join(c.dir, "prometheus.yml")
        with open(file, "w") as f:
            json.dump({"scrape_configs": [job("agents", "role=agent"), job("replicas", f"role=replica&stack={c.stack}&service=web")]}, f)
        port = free_port()
        c.processes.append(Process("prometheus", ["prometheus", f"--config.file={file}", f"--storage.tsdb.path={c.dir}/tsdb",
                                                  f"--web.listen-address=127.0.0.1:{port}"],
                                   os.path.join(c.dir, "prometheus.log")).start())
        return port


if __name__ == "__main__":
    main()
