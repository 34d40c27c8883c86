<?php
// The people of ../users.json, under SimpleSAMLphp's usual attribute names.
$people = ['exampleauth:UserPass'];
foreach (json_decode(file_get_contents(__DIR__ . '/../users.json'), true) as $login => $user) {
    $people["$login:{$user['password']}"] = [
        'uid' => [$login],
        'mail' => [$user['email']],
        'givenName' => [$user['given_name']],
        'sn' => [$user['family_name']],
        'displayName' => ["{$user['given_name']} {$user['family_name']}"],
        'department' => [$user['department']],
        'groups' => $user['groups'],
    ];
}
$config = ['admin' => ['core:AdminPassword'], 'people' => $people];
