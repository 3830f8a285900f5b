#!/bin/sh
# FastCGI behind a web server, in one sandbox, as images of PHP do it.
php-fpm8.2 -y /app/php-fpm.conf &
exec nginx -c /app/nginx.conf
