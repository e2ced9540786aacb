-- Lists held tickets whose term is over. Returns their ids, versions and claims in turn. KEYS: as in offer.lua. ARGV: the most
-- tickets.
local held, tickets = KEYS[2], KEYS[3]
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local lost = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', held, '-inf', now, 'LIMIT', 0, ARGV[1])) do
  local version, holder = string.match(redis.call('HGET', tickets, id) or '', '^(%d+) (.+)$')
  if version then
    table.insert(lost, id)
    table.insert(lost, version)
    table.insert(lost, holder)
  else
    -- A server that evicts keys has kept only this part.
    redis.call('ZREM', held, id)
  end
end
return lost
