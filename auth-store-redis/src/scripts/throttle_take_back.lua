-- Takes one counted attempt back; a counter that is gone stays gone.
local count = tonumber(redis.call('HGET', KEYS[1], 'count') or 0)
if count > 0 then
  redis.call('HSET', KEYS[1], 'count', string.format('%.0f', count - 1))
end
return 0
