// node passport.cjs NODE_DIR PORT KEYS: express + @node-saml/passport-saml + express-session (in memory)
const [home, port, keys] = process.argv.slice(2);
const fs = require("fs");
const load = require("module").createRequire(home + "/package.json");
const express = load("express");
const passport = load("passport");
const session = load("express-session");
const { Strategy } = load("@node-saml/passport-saml");

const base = `http://127.0.0.1:${port}`;
const options = {
  callbackUrl: base + "/acs",
  issuer: base + "/metadata",
  audience: base + "/metadata",
  entryPoint: "https://idp.example.org/sso",
  idpCert: fs.readFileSync(keys + "/idp.crt", "utf8"),
  wantAssertionsSigned: true,
  wantAuthnResponseSigned: false,
  validateInResponseTo: "never", // what the others do not check by default either
};
const take = (profile, done) => done(null, profile);
passport.use(new Strategy(options, take, take));
passport.serializeUser((user, done) => done(null, { nameID: user.nameID, attributes: user.attributes }));
passport.deserializeUser((user, done) => done(null, user));

const app = express();
app.disable("x-powered-by");
app.use(express.urlencoded({ extended: false, limit: "1mb" }));
app.use(session({ secret: "x".repeat(32), resave: false, saveUninitialized: false }));
app.use(passport.initialize());
app.use(passport.session());
app.post("/acs", passport.authenticate("saml"), (request, response) => response.redirect("/secret"));
app.listen(+port, "127.0.0.1");
