<?php
// Every service provider whose metadata lies in RIG_WORK/sp, as SimpleSAMLphp's own parser reads it.
$variant = explode(',', trim(file_get_contents(getenv('RIG_WORK') . '/variant')));
foreach (glob(getenv('RIG_WORK') . '/sp/*.xml') as $file) {
    foreach (\SimpleSAML\Metadata\SAMLParser::parseDescriptorsFile($file) as $entity => $parsed) {
        $sp = $parsed->getMetadata20SP();
        if (!$sp) {
            continue;
        }
        unset($sp['entityDescriptor'], $sp['expire']);
        // A service provider's WantAssertionsSigned beats the identity provider's setting, so these
        // variants are set on the service provider.
        $sp['saml20.sign.response'] = !in_array('sign-assertion-only', $variant);
        $sp['saml20.sign.assertion'] = !in_array('sign-response-only', $variant);
        $sp['assertion.encryption'] = in_array('encrypt-assertion', $variant);
        $sp['nameid.encryption'] = in_array('encrypt-name-id', $variant);
        $metadata[$entity] = $sp;
    }
}
// And entries written by hand, as a guide tells them.
foreach (glob(getenv('RIG_WORK') . '/sp/*.php') as $file) {
    include $file;
}
