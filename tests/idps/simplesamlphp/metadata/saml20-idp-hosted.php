<?php
// The identity provider. What RIG_WORK/hosted.json says is read at every request and acts at once.
$email = 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress';
$bindings = [
    'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect',
    'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST',
];
$metadata[getenv('RIG_ORIGIN') . '/simplesaml/saml2/idp/metadata.php'] = array_merge([
    'host' => '__DEFAULT__',
    'privatekey' => 'idp.key',
    'certificate' => 'idp.crt',
    'auth' => 'people',
    'redirect.sign' => true,
    'SingleSignOnServiceBinding' => $bindings,
    'SingleLogoutServiceBinding' => $bindings,
    'NameIDFormat' => [$email],
    // Every kind of NameID is made; the request, or the service provider's entry, chooses.
    'authproc' => [
        1 => ['class' => 'saml:AttributeNameID', 'attribute' => 'mail', 'Format' => $email],
        2 => ['class' => 'saml:PersistentNameID', 'attribute' => 'uid', 'NameQualifier' => true, 'SPNameQualifier' => true],
        3 => ['class' => 'saml:TransientNameID', 'NameQualifier' => true, 'SPNameQualifier' => true],
        4 => ['class' => 'saml:AttributeNameID', 'attribute' => 'uid', 'Format' => 'urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified'],
    ],
], json_decode(file_get_contents(getenv('RIG_WORK') . '/hosted.json'), true));
