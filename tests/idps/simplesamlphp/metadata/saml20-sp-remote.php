<?php
// Every service provider whose metadata lies in RIG_WORK/sp, as SimpleSAMLphp's own parser reads it.
// RIG_WORK/entries.json adds options: under "*" for all, under its entityID for one. Read at every request.
$entries = json_decode(file_get_contents(getenv('RIG_WORK') . '/entries.json'), true);
foreach (glob(getenv('RIG_WORK') . '/sp/*.xml') as $file) {
    foreach (\SimpleSAML\Metadata\SAMLParser::parseDescriptorsFile($file) as $entity => $parsed) {
        $sp = $parsed->getMetadata20SP();
        if (!$sp) {
            continue;
        }
        unset($sp['entityDescriptor']);
        // Logout messages are signed both ways; 'rig.*' is ours, the rest is SimpleSAMLphp's own.
        $signed = ['validate.logout' => true, 'sign.logout' => true];
        $sp = array_merge($sp, $signed, $entries['*'] ?? [], $entries[$entity] ?? []);
        if (isset($sp['rig.signer']) && !$parsed->validateSignature([$sp['rig.signer']])) {
            continue; // not signed by this certificate: unknown
        }
        if (isset($sp['rig.logout'])) { // of several bindings it takes Redirect: leave it this one
            $sp['SingleLogoutService'] = array_values(array_filter(
                $sp['SingleLogoutService'],
                function ($endpoint) use ($sp) { return $endpoint['Binding'] === $sp['rig.logout']; }
            ));
        }
        $metadata[$entity] = $sp;
    }
}
// And entries written by hand, as a guide tells them.
foreach (glob(getenv('RIG_WORK') . '/sp/*.php') as $file) {
    include $file;
}
