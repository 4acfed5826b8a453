-- Ends a session of this user and tells whoever watches, in one step. ARGV: user, channel, message.
local record = redis.call('GET', KEYS[1])
if not record then
  return 0
end
local length, start = string.match(record, '^%S+ %S+ %S+ %S+ (%d+) ()')
if string.sub(record, start, start + length - 1) ~= ARGV[1] then
  return 0
end
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', ARGV[2], ARGV[3])
return 1
