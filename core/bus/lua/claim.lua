-- Rule I4: a claim replaces only a lower epoch (generation, then offset). The same claim again is no news.
-- KEYS: the station's owner. ARGV: generation, offset, connection, node, protocol, how long to keep it in ms.
-- Returns {1} or {1, displaced node, displaced connection} for the current owner, {0} for one that is superseded.
local generation, offset = tonumber(ARGV[1]), tonumber(ARGV[2])
local held = redis.call('HMGET', KEYS[1], 'generation', 'offset', 'connection', 'node')
local answer = {1}
if held[1] then
  local order = generation - tonumber(held[1])
  if order == 0 then order = offset - tonumber(held[2]) end
  if order < 0 or (order == 0 and held[3] ~= ARGV[3]) then return {0} end
  if held[3] ~= ARGV[3] then answer = {1, held[4], held[3]} end
end
redis.call('HSET', KEYS[1], 'generation', ARGV[1], 'offset', ARGV[2], 'connection', ARGV[3], 'node', ARGV[4], 'protocol', ARGV[5])
redis.call('PEXPIRE', KEYS[1], ARGV[6])
return answer
