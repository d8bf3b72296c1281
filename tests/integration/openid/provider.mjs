// The OpenID provider of the tests: oidc-provider with its development forms, on a free port of this machine.
//
//   node provider.mjs SETTINGS      {"site": origin of the shop, "clients": [client metadata]}, as JSON
//
// Prints its issuer when it listens. What it sends to the shop's origin itself goes to the gateway that the test has
// named by PUT /gateway/PORT.

import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const { site, clients } = JSON.parse(process.argv[2]);
const users = {
  ada: { role: 'agent', tenant_id: 't-1', email: 'ada@shop.test' },
  bob: { role: 'admin', tenant_id: 't-2', email: 'bob@shop.test' },
};
let gateway;
let answer;

const server = createServer((request, response) => {
  const told = /^\/gateway\/(\d+)$/.exec(request.url);
  if (told === null) return answer(request, response);
  gateway = `http://127.0.0.1:${told[1]}`;
  return response.end();
});

server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients,
    claims: { openid: ['sub'], profile: ['role', 'tenant_id'], email: ['email'] },
    cookies: { keys: ['a key of the tests'] },
    features: { backchannelLogout: { enabled: true } },
    findAccount: (ctx, sub) => ({ accountId: sub, claims: () => ({ sub, ...users[sub] }) }),
    pkce: { required: () => true },
    fetch: (url, { dispatcher, ...options }) => fetch(String(url).replace(site, gateway), options),
  });
  answer = provider.callback();
  console.log(issuer);
});
