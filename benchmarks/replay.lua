-- Sends prepared requests. Arguments: a file of whole HTTP requests, each ended by a NUL byte, and how:
--   cycle  over and over
--   chain  the refresh token of each answer goes into a later request, at the place marked @TOKEN@;
--          the file has the template first and then the first tokens

local requests, position, chained, template = {}, 0, false, nil
local newest = 1

function init(args)
  local file = assert(io.open(args[1], "rb"))
  for request in file:read("*a"):gmatch("([^%z]+)%z") do requests[#requests + 1] = request end
  file:close()
  chained = args[2] == "chain"
  if chained then
    template = table.remove(requests, 1)
    newest = #requests
    response = function(status, headers, body)
      local token = body:match('"refresh_token": ?"([^"]+)"')
      if token then newest = newest + 1; requests[newest] = token end
    end
  end
end

function request()
  position = position + 1
  if not chained then return requests[(position - 1) % #requests + 1] end
  local token = requests[position]
  requests[position] = nil
  local body = template:match("\r\n\r\n(.*)$"):gsub("@TOKEN@", token)
  local head = template:match("^(.-)\r\n\r\n")
  return head .. "\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
end

function done(summary, latency, requests)
  io.write(string.format(
    '{"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "max": %f, "refused": %d, "broken": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    latency.max / 1e3, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
