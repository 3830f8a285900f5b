# Rack's counter, for Puma.
count = 0
run(lambda do |env|
  body = env["PATH_INFO"] == "/count" ? %({"pid":#{Process.pid},"count":#{count += 1}}) : "{}"
  [200, { "Content-Type" => "application/json" }, [body]]
end)
