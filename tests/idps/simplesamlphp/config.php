<?php
// Debian's configuration, with everything that it would write moved into RIG_WORK and http allowed.
require '/etc/simplesamlphp/config.php';
$work = getenv('RIG_WORK');
$config = array_merge($config, [
    'baseurlpath' => getenv('RIG_ORIGIN') . '/simplesaml/',
    'certdir' => "$work/cert/",
    'loggingdir' => "$work/log/",
    'datadir' => "$work/data/",
    'tempdir' => "$work/temp/",
    'metadatadir' => __DIR__ . '/metadata/',
    'metadata.sources' => [['type' => 'flatfile']],
    'auth.adminpassword' => getenv('RIG_SECRET'),
    'secretsalt' => getenv('RIG_SECRET'),
    'technicalcontact_email' => 'idp-admin@acme.example',
    'timezone' => 'UTC',
    'admin.checkforupdates' => false,
    'trusted.url.domains' => null,
    'enable.http_post' => true,
    'enable.saml20-idp' => true,
    'logging.handler' => 'file',
    'module.enable' => ['exampleauth' => true, 'core' => true, 'saml' => true],
    'store.type' => 'phpsession',
    'production' => true,
    'language.available' => ['en'],
    // Cookies ignore ports: these names must not meet the service's own.
    'session.cookie.secure' => false,
    'session.cookie.samesite' => null,
    'session.cookie.name' => 'SSPIdPSession',
    'session.phpsession.savepath' => "$work/sessions",
    'session.phpsession.cookiename' => 'SSPIdP',
    'session.authtoken.cookiename' => 'SSPIdPAuthToken',
    'language.cookie.secure' => false,
    'language.cookie.samesite' => null,
]);
