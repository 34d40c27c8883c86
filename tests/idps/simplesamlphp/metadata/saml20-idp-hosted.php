<?php
// The identity provider. RIG_WORK/variant is read at every request, so a variant acts at once.
$variant = explode(',', trim(file_get_contents(getenv('RIG_WORK') . '/variant')));
$email = 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress';
$bindings = [
    'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect',
    'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST',
];
$more = 'http://www.w3.org/2001/04/xmldsig-more#';
$metadata[getenv('RIG_ORIGIN') . '/simplesaml/saml2/idp/metadata.php'] = [
    'host' => '__DEFAULT__',
    'privatekey' => 'idp.key',
    'certificate' => 'idp.crt',
    'auth' => 'people',
    'signature.algorithm' => $more . (in_array('sha512', $variant) ? 'rsa-sha512' : 'rsa-sha256'),
    'redirect.sign' => true,
    'SingleSignOnServiceBinding' => $bindings,
    'SingleLogoutServiceBinding' => $bindings,
    'NameIDFormat' => [$email],
    'attributes.NameFormat' => 'urn:oasis:names:tc:SAML:2.0:attrname-format:' . (in_array('oid', $variant) ? 'uri' : 'basic'),
    'authproc' => array_filter([
        1 => ['class' => 'saml:AttributeNameID', 'attribute' => 'mail', 'Format' => $email],
        100 => in_array('oid', $variant) ? ['class' => 'core:AttributeMap', 'name2oid'] : null,
    ]),
];
