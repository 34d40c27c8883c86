// npm oidc-provider as an OpenID Provider for tests.    node oidc_provider.mjs WORK PORT
// NODE_DIR holds node_modules. WORK/clients.json, jwks.json and options.json are read at every
// POST /test/reload; POST /test/rotate[?keep=1] makes new signing keys and, with keep, publishes the
// old ones too. Every failure it reports goes to WORK/events.log.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [WORK, PORT] = [process.argv[2], Number(process.argv[3])];
const HOST = '127.0.0.1';
const ISSUER = `http://${HOST}:${PORT}`;
const require = createRequire(pathToFileURL(`${process.env.NODE_DIR}/x.js`));
const { Provider } = await import(pathToFileURL(require.resolve('oidc-provider')));

const read = (name, otherwise) => (existsSync(`${WORK}/${name}`) ? JSON.parse(readFileSync(`${WORK}/${name}`, 'utf8')) : otherwise);
const write = (name, value) => writeFileSync(`${WORK}/${name}`, JSON.stringify(value, null, 1));
const note = (...words) => appendFileSync(`${WORK}/events.log`, `${words.filter(Boolean).join(' ')}\n`);

const PEOPLE = JSON.parse(readFileSync(new URL('users.json', import.meta.url), 'utf8'));
for (const [login, user] of Object.entries(PEOPLE)) {
  user.preferred_username = login;
  user.name = `${user.given_name} ${user.family_name}`;
  user.email_verified = true;
}
const COOKIE_KEY = randomBytes(16).toString('hex');
const bySub = (sub) => Object.values(PEOPLE).find((user) => user.sub === sub);

function newKeys() {
  const key = (type, options, alg) => ({
    ...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }),
    use: 'sig', alg, kid: `${alg}-${randomBytes(4).toString('hex')}`,
  });
  return { keys: [
    key('rsa', { modulusLength: 2048 }, 'RS256'), key('rsa', { modulusLength: 2048 }, 'PS256'),
    key('ec', { namedCurve: 'P-256' }, 'ES256'), key('ed25519', {}, 'EdDSA'),
  ] };
}

const escape = (text) => String(text).replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }[c]));
const page = (title, body) => `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${title}</title></head><body><h1>${title}</h1>${body}</body></html>`;

function build() {
  const options = read('options.json', {});
  const provider = new Provider(ISSUER, {
    clients: read('clients.json', []),
    jwks: read('jwks.json'),
    // Cookies ignore ports: these names must not meet the service's own.
    cookies: { keys: [COOKIE_KEY], names: { session: '_op_session', interaction: '_op_interaction', resume: '_op_resume' } },
    findAccount: async (_ctx, id) => {
      const user = bySub(id);
      return user && { accountId: id, claims: async () => { const { password, ...claims } = user; return claims; } };
    },
    claims: {
      openid: ['sub'], email: ['email', 'email_verified'], groups: ['groups'],
      profile: ['name', 'given_name', 'family_name', 'preferred_username', 'department'],
    },
    scopes: ['openid', 'offline_access'],
    // true, its default: what the scopes name is at userinfo only; false: in the ID Token as well
    conformIdTokenClaims: options.conformIdTokenClaims ?? true,
    pkce: { required: () => true },
    enabledJWA: { idTokenSigningAlgValues: ['RS256', 'PS256', 'ES256', 'EdDSA'] },
    features: {
      devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: true }, userinfo: { enabled: true },
      jwtUserinfo: { enabled: true }, backchannelLogout: { enabled: true },
      pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: options.requirePushed ?? false },
    },
    // Its own dispatcher keeps it from loopback, where the service under test is.
    fetch: (url, { dispatcher, ...options }) => fetch(url, options),
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    ttl: { AccessToken: 3600, AuthorizationCode: 60, IdToken: 3600, Interaction: 3600, Session: 86400, Grant: 86400 },
    loadExistingGrant: async ({ oidc }) => { // consent is given without a page
      const id = oidc.session.grantIdFor(oidc.client.clientId);
      const grant = (id && await oidc.provider.Grant.find(id))
        || new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
      grant.addOIDCScope('openid profile email groups');
      await grant.save();
      return grant;
    },
    renderError: async (ctx, out) => {
      ctx.type = 'html';
      ctx.body = page('error', Object.entries(out).map(([key, value]) => `<pre>${key}: ${escape(value)}</pre>`).join(''));
    },
  });
  for (const event of ['server_error', 'authorization.error', 'grant.error', 'userinfo.error', 'end_session.error', 'backchannel.error']) {
    provider.on(event, (...what) => { const e = what.find((x) => x instanceof Error); note(event, e?.error, e?.error_description, e?.error_detail, e?.message); });
  }
  return provider;
}

if (!existsSync(`${WORK}/jwks.json`)) write('jwks.json', newKeys());
let provider; let answer;
const load = () => { provider = build(); answer = provider.callback(); };
load();

const bodyOf = (request) => new Promise((done) => { let body = ''; request.on('data', (part) => { body += part; }); request.on('end', () => done(body)); });
const json = (response, value) => { response.writeHead(200, { 'content-type': 'application/json' }); response.end(JSON.stringify(value)); };

async function interaction(request, response, path) {
  const details = await provider.interactionDetails(request, response);
  let error = '';
  if (request.method === 'POST') {
    const form = new URLSearchParams(await bodyOf(request));
    const user = PEOPLE[form.get('login')];
    if (form.get('cancel')) {
      return provider.interactionFinished(request, response, { error: 'access_denied', error_description: 'End-User aborted interaction' });
    }
    if (user && user.password === form.get('password')) {
      return provider.interactionFinished(request, response, { login: { accountId: user.sub, amr: ['pwd'] }, consent: {} }, { mergeWithLastSubmission: false });
    }
    error = '<p class="error">Wrong user or password</p>';
  }
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' });
  return response.end(page('Sign in', `${error}<form method="post" action="${escape(path)}">
    <label>User <input name="login" value="${escape(details.params.login_hint || '')}"></label>
    <label>Password <input type="password" name="password"></label>
    <button type="submit">Sign in</button> <button type="submit" name="cancel" value="1">Cancel</button></form>`));
}

createServer(async (request, response) => {
  try {
    const url = new URL(request.url, ISSUER);
    if (url.pathname === '/test/reload' && request.method === 'POST') { load(); return json(response, {}); }
    if (url.pathname === '/test/rotate' && request.method === 'POST') {
      const fresh = newKeys();
      if (url.searchParams.get('keep')) fresh.keys.push(...read('jwks.json').keys);
      write('jwks.json', fresh);
      load();
      return json(response, { kids: fresh.keys.map((key) => key.kid) });
    }
    if (url.pathname.startsWith('/interaction/')) return await interaction(request, response, url.pathname);
    return await answer(request, response);
  } catch (error) {
    note('server', error.stack);
    if (!response.headersSent) response.writeHead(error.statusCode || 500, { 'content-type': 'text/plain' });
    return response.end(String(error.message));
  }
}).listen(PORT, HOST, () => console.log('listening', ISSUER));
