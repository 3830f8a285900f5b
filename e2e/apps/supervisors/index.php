<?php
header("Content-Type: application/json");
// Nothing of a request stays in a worker's memory; that it is the same one is all that can be asked.
echo json_encode($_SERVER["REQUEST_URI"] === "/count" ? ["pid" => getmypid()] : (object) []);
