// A portal with Auth.js, whose frameworks, such as Next.js, hand over the request as this server does.
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { Auth } from "@auth/core";

const { LOKET, CLIENT_ID, CLIENT_SECRET, PASSPHRASE, PORT } = process.env;
const portal = `http://127.0.0.1:${PORT}`;

const config = {
  providers: [
    {
      id: "loket",
      name: "Loket",
      type: "oidc",
      issuer: LOKET,
      clientId: CLIENT_ID,
      clientSecret: CLIENT_SECRET,
    },
  ],
  basePath: "/api/auth",
  secret: PASSPHRASE,
  trustHost: true,
};

createServer(async (request, response) => {
  const { method, headers } = request;
  const isHome = request.url === "/";
  const body = method === "POST" ? await text(request) : undefined;
  const url = portal + (isHome ? "/api/auth/session" : request.url);
  const answer = await Auth(new Request(url, { method, headers, body }), config);
  const shown = await answer.text();
  response.writeHead(answer.status, { ...Object.fromEntries(answer.headers), "set-cookie": answer.headers.getSetCookie() });
  response.end(isHome ? `{"userinfo": ${JSON.stringify(JSON.parse(shown).user)}}` : shown);
}).listen(PORT, "127.0.0.1");
