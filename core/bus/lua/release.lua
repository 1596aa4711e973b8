-- Removes the owner only where it is this very epoch: the late close of an old socket must not kill the new route.
-- KEYS: the station's owner. ARGV: generation, offset.
local held = redis.call('HMGET', KEYS[1], 'generation', 'offset')
if held[1] == ARGV[1] and held[2] == ARGV[2] then return redis.call('DEL', KEYS[1]) end
return 0
