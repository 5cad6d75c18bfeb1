import { Client } from "@stomp/stompjs";
import WebSocket from "ws";

const { SHOP, KEY, ORDER } = process.env;
let version = 0;

const client = new Client({
  webSocketFactory: () => new WebSocket(`${SHOP.replace("http", "ws")}/live/ws`, ["v12.stomp"]),
  connectHeaders: { login: "key", passcode: KEY },
  onConnect() {
    const after = version ? { after: String(version) } : {};
    client.subscribe(`/topic/orders/${ORDER}`, take, after);
  },
  onStompError: (frame) => console.error(frame.headers.message),
});

function take(message) {
  const frame = JSON.parse(message.body);
  if (frame.version > version) {
    version = frame.version;
    console.log(frame.version, frame.type, frame.data.status ?? "");
  }
}

client.activate();
