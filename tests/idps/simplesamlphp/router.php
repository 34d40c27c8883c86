<?php
// php -S sets no PATH_INFO for module.php/... paths that hold a dot: do what Apache's Alias does.
$path = urldecode(parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH));
$base = '/simplesaml/';
$root = '/usr/share/simplesamlphp/www/';
$types = ['css' => 'text/css', 'js' => 'text/javascript', 'png' => 'image/png', 'svg' => 'image/svg+xml'];
if (strncmp($path, $base, strlen($base)) === 0 && strpos($path, '..') === false) {
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
    $type = $types[pathinfo($inside, PATHINFO_EXTENSION)] ?? '';
    if ($type && is_file($root . $inside)) { // its scripts post forms by themselves
        header("Content-Type: $type");
        readfile($root . $inside);
        return true;
    }
}
http_response_code(404);
echo "not found\n";
return true;
