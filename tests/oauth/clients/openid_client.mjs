// A portal with openid-client, as its quick start has it.
import { createServer } from "node:http";
import * as client from "openid-client";

const { LOKET, CLIENT_ID, CLIENT_SECRET, PORT } = process.env;
const portal = `http://127.0.0.1:${PORT}`;

const config = await client.discovery(new URL(LOKET), CLIENT_ID, CLIENT_SECRET);
client.enableNonRepudiationChecks(config); // also checks the signature of ID tokens

let verifier, tokens; // a portal keeps them in the session

const pages = {
  async "/login"() {
    verifier = client.randomPKCECodeVerifier();
    return client.buildAuthorizationUrl(config, {
      redirect_uri: `${portal}/callback`,
      scope: "openid profile email",
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
    });
  },
  async "/callback"(url) {
    tokens = await client.authorizationCodeGrant(config, url, { pkceCodeVerifier: verifier });
    const claims = tokens.claims();
    return { claims, userinfo: await client.fetchUserInfo(config, tokens.access_token, claims.sub) };
  },
  async "/refresh"() {
    tokens = await client.refreshTokenGrant(config, tokens.refresh_token);
    const claims = tokens.claims();
    return { claims, userinfo: await client.fetchUserInfo(config, tokens.access_token, claims.sub) };
  },
  async "/logout"() {
    return client.buildEndSessionUrl(config, {
      id_token_hint: tokens.id_token,
      post_logout_redirect_uri: `${portal}/left`,
    });
  },
  async "/left"() {
    return "left";
  },
};

createServer(async (request, response) => {
  const url = new URL(request.url, portal);
  const found = await pages[url.pathname](url);
  if (found instanceof URL) response.writeHead(302, { location: found.href }).end();
  else response.end(JSON.stringify(found));
}).listen(PORT, "127.0.0.1");
