import { Line } from "./line.mjs";

const { SHOP, KEY, ORDER } = process.env;

async function ticket() {
  const asked = { method: "POST", headers: { "X-Api-Key": KEY } };
  const answer = await fetch(`${SHOP}/api/v1/live/tickets`, asked);
  return (await answer.json()).ticket;
}

const line = new Line({ url: SHOP, ticket });
line.addEventListener("state", ({ detail }) => {
  console.error(detail.open ? `live by ${detail.by}` : "reconnecting");
});
line.follow(`order/${ORDER}`, {
  frame(frame) {
    console.log(frame.version, frame.type, frame.data.status ?? "");
    line.shown(frame.position);
  },
  lost: (code) => console.error(`cannot be followed: ${code}`),
});
