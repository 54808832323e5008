// A portal with oauth4webapi, as its examples have it.
import { createServer } from "node:http";
import * as oauth from "oauth4webapi";

const { LOKET, CLIENT_ID, CLIENT_SECRET, PORT } = process.env;
const portal = `http://127.0.0.1:${PORT}`;
const redirectUri = `${portal}/callback`;

const issuer = new URL(LOKET);
const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer));
const client = { client_id: CLIENT_ID };
const clientAuth = oauth.ClientSecretBasic(CLIENT_SECRET);

let verifier, tokens; // a portal keeps them in the session

async function describe(result, response) {
  await oauth.validateApplicationLevelSignature(as, response);
  tokens = { ...tokens, ...result };
  const claims = oauth.getValidatedIdTokenClaims(result);
  const userinfo = await oauth.userInfoRequest(as, client, result.access_token);
  return { claims, userinfo: await oauth.processUserInfoResponse(as, client, claims.sub, userinfo) };
}

const pages = {
  async "/login"() {
    verifier = oauth.generateRandomCodeVerifier();
    const address = new URL(as.authorization_endpoint);
    address.searchParams.set("client_id", client.client_id);
    address.searchParams.set("redirect_uri", redirectUri);
    address.searchParams.set("response_type", "code");
    address.searchParams.set("scope", "openid profile email");
    address.searchParams.set("code_challenge", await oauth.calculatePKCECodeChallenge(verifier));
    address.searchParams.set("code_challenge_method", "S256");
    return address;
  },
  async "/callback"(url) {
    const parameters = oauth.validateAuthResponse(as, client, url);
    const response = await oauth.authorizationCodeGrantRequest(
      as, client, clientAuth, parameters, redirectUri, verifier,
    );
    return describe(await oauth.processAuthorizationCodeResponse(as, client, response), response);
  },
  async "/refresh"() {
    const response = await oauth.refreshTokenGrantRequest(as, client, clientAuth, tokens.refresh_token);
    return describe(await oauth.processRefreshTokenResponse(as, client, response), response);
  },
};

createServer(async (request, response) => {
  const url = new URL(request.url, portal);
  const found = await pages[url.pathname](url);
  if (found instanceof URL) response.writeHead(302, { location: found.href }).end();
  else response.end(JSON.stringify(found));
}).listen(PORT, "127.0.0.1");
