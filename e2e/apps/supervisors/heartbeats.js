// Node's cluster whose primary kills workers that it has not heard of for so many milliseconds.
const cluster = require("node:cluster");
const http = require("node:http");

const patience = Number(process.argv[2] ?? 10_000);

if (cluster.isPrimary) {
  const heard = new Map();
  const fork = () => {
    const worker = cluster.fork();
    heard.set(worker, performance.now());
    worker.on("message", () => heard.set(worker, performance.now()));
  };
  for (let i = 0; i < 2; i++) fork();
  cluster.on("exit", (worker) => {
    heard.delete(worker);
    fork();
  });
  setInterval(() => {
    for (const [worker, at] of heard) {
      if (performance.now() - at > patience) worker.process.kill("SIGKILL");
    }
  }, Math.min(1000, patience / 3));
} else {
  let count = 0;
  setInterval(() => process.send("alive"), 1000);
  http
    .createServer((request, response) => {
      const body = request.url === "/count" ? { pid: process.pid, count: ++count } : {};
      response.setHeader("Content-Type", "application/json");
      response.end(JSON.stringify(body));
    })
    .listen(process.env.PORT, "0.0.0.0");
}
