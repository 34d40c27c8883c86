<?php
// php -S sets no PATH_INFO for module.php/... paths that hold a dot: do what Apache's Alias does.
$path = urldecode(parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH));
$base = '/simplesaml/';
$root = '/usr/share/simplesamlphp/www/';
if (strncmp($path, $base, strlen($base)) === 0) {
    $inside = substr($path, strlen($base)) ?: 'index.php';
    if (preg_match('#^(.*?\.php)(/.*)?$#', $inside, $parts) && is_file($root . $parts[1])) {
        $_SERVER['SCRIPT_NAME'] = $base . $parts[1];
        $_SERVER['SCRIPT_FILENAME'] = $root . $parts[1];
        $_SERVER['PATH_INFO'] = $parts[2] ?? '';
        $_SERVER['PHP_SELF'] = $path;
        chdir(dirname($root . $parts[1]));
        require $root . $parts[1];
        return true;
    }
}
http_response_code(404); // style sheets and scripts too: the login form works without them
echo "not found\n";
return true;
