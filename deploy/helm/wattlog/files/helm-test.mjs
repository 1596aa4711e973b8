// `helm test`: whether a station and an operator would get an answer, from inside the cluster.
import { request } from "node:http";
import { request as secureRequest } from "node:https";

const { GATEWAY_URL, API_URL, WATTLOG_ADMIN_TOKEN } = process.env;

async function check(what, work) {
  try {
    await work();
    console.log(`ok    ${what}`);
  } catch (error) {
    console.log(`FAILED ${what}: ${error.cause?.message ?? error.message}`);
    process.exitCode = 1;
  }
}

function upgrade(url) {
  const headers = {
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "d2F0dGxvZy1oZWxtLXRlcw==",
    "Sec-WebSocket-Protocol": "ocpp1.6",
  };
  return new Promise((resolve, reject) => {
    // The certificate is for the name that stations know, not for the service's.
    const ask = url.startsWith("https:") ? secureRequest : request;
    const asked = ask(url, { headers, timeout: 10_000, rejectUnauthorized: false });
    asked.on("upgrade", (answer, socket) => {
      socket.destroy();
      resolve(answer.statusCode);
    });
    asked.on("response", (answer) => {
      answer.resume();
      // The api's answers are JSON: it must not be taken for a gateway.
      resolve(/json/.test(answer.headers["content-type"] ?? "") ? "of another server" : answer.statusCode);
    });
    asked.on("timeout", () => asked.destroy(new Error("no answer within 10 s")));
    asked.on("error", reject);
    asked.end();
  });
}

await check("a gateway decides about a station's upgrade", async () => {
  const status = await upgrade(`${GATEWAY_URL}/HELM-TEST`);
  // Whether it lets an unknown station in is a setting; 503 says that it cannot decide.
  if (![101, 401, 403, 404].includes(status)) throw new Error(`status ${status}`);
});
await check("the api lists stations for the administrator", async () => {
  const headers = { authorization: `Bearer ${WATTLOG_ADMIN_TOKEN}` };
  const answer = await fetch(`${API_URL}/api/v1/stations?limit=1`, { headers, signal: AbortSignal.timeout(10_000) });
  if (!answer.ok) throw new Error(`status ${answer.status}`);
});
await check("the api refuses who shows no token", async () => {
  const answer = await fetch(`${API_URL}/api/v1/stations`, { signal: AbortSignal.timeout(10_000) });
  if (answer.status !== 401) throw new Error(`status ${answer.status}`);
});
