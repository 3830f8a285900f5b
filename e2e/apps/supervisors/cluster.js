// Node's cluster: the primary accepts, and hands connections to its workers.
const cluster = require("node:cluster");
const http = require("node:http");

if (cluster.isPrimary) {
  for (let i = 0; i < 2; i++) cluster.fork();
  cluster.on("exit", () => cluster.fork());
} else {
  let count = 0;
  http
    .createServer((request, response) => {
      const body = request.url === "/count" ? { pid: process.pid, count: ++count } : {};
      response.setHeader("Content-Type", "application/json");
      response.end(JSON.stringify(body));
    })
    .listen(process.env.PORT, "0.0.0.0");
}
