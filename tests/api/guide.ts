// The story of the guide, with openapi-fetch and the types that openapi-typescript generates.
import createClient from "openapi-fetch";
import type { paths } from "./api.js";

declare const process: { env: { LOKET: string; NAME: string; PASSWORD: string } };
const { LOKET, NAME, PASSWORD } = process.env;

function need<Type>(value: Type | undefined, problem: unknown): Type {
  if (value === undefined) throw new Error(JSON.stringify(problem));
  return value;
}

const answer = await fetch(`${LOKET}/oauth/token/`, {
  method: "POST",
  body: new URLSearchParams({ grant_type: "client_credentials", client_id: NAME, client_secret: PASSWORD }),
});
const { access_token } = (await answer.json()) as { access_token: string };
const loket = createClient<paths>({ baseUrl: LOKET, headers: { Authorization: `Bearer ${access_token}` } });
const header = { Accept: "application/json;version=2018-01-01" };

const own = await loket.GET("/v2/user", { params: { header } });
const offices = await loket.GET("/v2/providers", { params: { header } });
const office = need(need(offices.data, offices.error)._embedded[0], "no office");

const created = await loket.POST("/v2/providers/{provider_id}/users", {
  params: { header: { ...header, "Idempotency-Key": "uren-1" }, path: { provider_id: office.id } },
  body: {
    loginMethod: { key: 3 },
    personalDetails: { initials: "K.", lastName: "Uren" },
    contactInformation: { emailAddress: "uren@devries.example" },
    hasAccessToPayrollingTestData: false,
    ssoAccount: { userName: "koppeling-uren", password: "Regenboog-17-veld" },
  },
});
const service = need(created.data, created.error).content;

const invited = await loket.POST("/v2/providers/{provider_id}/users/invite", {
  params: { header, path: { provider_id: office.id } },
  body: {
    personalDetails: { initials: "P.", prefix: "de", lastName: "Boer" },
    contactInformation: { emailAddress: "p.deboer@devries.example" },
    hasAccessToPayrollingTestData: false,
    destinationForSecret: "0612345678",
    twoFactorAuthenticationRequired: true,
  },
});
const colleague = need(invited.data, invited.error).content;

const path = { user_id: colleague.id };
for (const action of ["Block", "Unblock"] as const) {
  const done = await loket.PATCH("/v2/providers/users/{user_id}", { params: { header, path }, body: { action } });
  need(done.data, done.error);
}

const read = await loket.GET("/v2/providers/users/{user_id}", { params: { header, path } });
const whole = need(read.data, read.error).content;
const etag = need(read.response.headers.get("ETag") ?? undefined, "no ETag");
const changed = await loket.PUT("/v2/providers/users/{user_id}", {
  params: { header: { ...header, "If-Match": etag }, path },
  body: { ...whole, personalDetails: { ...whole.personalDetails, firstName: "Pieter" } },
});

const found = await loket.GET("/v2/providers/{provider_id}/users", {
  params: { header, path: { provider_id: office.id }, query: { filter: "personalDetails.lastName lk 'boer'" } },
});
const settings = await loket.GET("/v2/providers/users/{user_id}/notificationsettings", { params: { header, path } });
const ticket = await loket.POST("/v2/sso/tickets", { params: { header }, body: { next: "/" } });
const refused = await loket.GET("/v2/providers/users/{user_id}", {
  params: { header, path: { user_id: "00000000-0000-0000-0000-000000000000" } },
});

console.log(
  JSON.stringify({
    own: need(own.data, own.error).content.userName,
    service: service.loginMethod.code,
    firstName: need(changed.data, changed.error).content.personalDetails.firstName,
    found: need(found.data, found.error)._embedded.map((user) => user.personalDetails.lastName),
    notifications: need(settings.data, settings.error).totalSize,
    ticket: need(ticket.data, ticket.error).content.url,
    refused: need(refused.error, refused.data).messages.map((message) => message.reason),
  }),
);
