/*
 * The STOMP oracle: @stomp/stompjs on node, as somebody else's program; tests/stompjs.py starts it and reads its lines.
 * Words: the folder of its packages, then {url, destination, key, beats}. It imports nothing of ours.
 * It prints one JSON document a line: {told: "connected" | "message" | "error" | "closed" | "stopped", …}, reconnects
 * with the version it has, and does what is written to it: "send" (it may not), "stop".
 */
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [folder, words] = process.argv.slice(2);
const require = createRequire(`${folder}/`);
const { Client } = require("@stomp/stompjs");
const { url, destination, key, beats } = JSON.parse(words);
let version = 0;

function tell(told, more) {
  process.stdout.write(`${JSON.stringify({ told, ...more })}\n`);
}

const client = new Client({
  webSocketFactory: () => new (require("ws"))(url, ["v12.stomp", "v11.stomp"]),
  connectHeaders: key ? { login: "ivy", passcode: key } : {},
  reconnectDelay: 300,
  connectionTimeout: 3_000,
  heartbeatIncoming: beats,
  heartbeatOutgoing: beats,
  onConnect(frame) {
    tell("connected", { headers: frame.headers });
    client.subscribe(destination, take, version ? { after: String(version) } : {});
  },
  onStompError: (frame) => tell("error", { headers: frame.headers }),
  onWebSocketClose: (event) => tell("closed", { code: event.code }),
  onWebSocketError: () => {},
});

function take(message) {
  const frame = JSON.parse(message.body);
  version = Math.max(version, frame.version ?? 0);
  tell("message", { headers: message.headers, frame });
  message.ack();
}

createInterface({ input: process.stdin }).on("line", async (line) => {
  if (line === "send") {
    client.publish({ destination, body: "hello" });
  } else {
    await client.deactivate();
    tell("stopped");
    process.exit(0);
  }
});
client.activate();
