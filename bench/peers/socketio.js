// The Socket.IO server beside ours: its Redis adapter, one room for each order, WebSocket only, as its manual says.
const { createServer } = require("node:http");
const { createAdapter } = require("@socket.io/redis-adapter");
const { createClient } = require("redis");
const { Server } = require("socket.io");

const address = new URL(process.env.REDIS_URL);
const where = address.protocol === "unix:" ? { socket: { path: address.pathname } } : { url: process.env.REDIS_URL };
const pub = createClient(where);
const sub = pub.duplicate();

Promise.all([pub.connect(), sub.connect()]).then(() => {
  const server = createServer((_request, response) => response.writeHead(204).end());
  const io = new Server(server, {
    adapter: createAdapter(pub, sub),
    transports: ["websocket"],
    perMessageDeflate: false,
    serveClient: false,
  });
  io.on("connection", (socket) => {
    socket.on("follow", (order) => {
      socket.join(order);
      socket.emit("following", order);
    });
  });
  server.listen(Number(process.env.PORT), "127.0.0.1", 2048);
});
