-- Changes the tally of the key KEYS[1], by the arithmetic of the kernel. Returns whether that was allowed, the tally after it
-- (until, previous, current), and the time, all as whole numbers. All times are in microseconds, which a double holds
-- exactly, and so are all products here.
-- ARGV: "smooth" or "windows", the change (positive to take, negative to give back), the most, the length of a window and
-- of its parts (zero for a fixed window), and in tests the time. By default the time is the server's.
-- A smooth limit counts in microseconds of debt, its most is the capacity, and it uses no windows.
local change = tonumber(ARGV[2])
local most = tonumber(ARGV[3])
local period = tonumber(ARGV[4])
local part = tonumber(ARGV[5])
local now = tonumber(ARGV[6])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end

local stored = redis.call('GET', KEYS[1])
local until_text, previous_text, current_text = string.match(stored or '', '^(%d+) ?(%d*) ?(%d*)$')
local until_time = tonumber(until_text or '') or 0
local previous = tonumber(previous_text or '') or 0
local current = tonumber(current_text or '') or 0

local allowed, is_full, value
if ARGV[1] == 'smooth' then
  -- More than the capacity is caused by an earlier, higher limit, or by a clock that was set back.
  local debt = math.min(math.max(until_time - now, 0), most)
  allowed = debt + change <= most
  if allowed then
    debt = math.max(debt + change, 0)
  end
  until_time, previous, current = now + debt, 0, 0
  is_full = debt == 0
  value = string.format('%.0f', until_time)
else
  local kept = part > 0 and period or 0
  local ends = now - math.fmod(now, period) + period + kept
  if until_time > ends then
    -- The clock was set back. All counts move to the window of this time.
    previous, current = 0, previous + current
  elseif part > 0 and until_time + period == ends then
    previous, current = current, 0
  elseif until_time < ends then
    previous, current = 0, 0
  end
  until_time = ends
  current = math.min(current, most)
  previous = part > 0 and math.min(previous, most) or 0
  local used = current
  if part > 0 then
    local parts = math.floor(period / part)
    local left = math.min(math.ceil((ends - kept - now) / part), parts)
    used = used + math.ceil(previous * left / parts)
  end
  allowed = change <= 0 or used + change <= most
  if change > 0 and allowed then
    current = current + change
  elseif change < 0 then
    local rest = math.max(-change - current, 0)
    previous = math.max(previous - rest, 0)
    current = math.max(current + change, 0)
  end
  is_full = previous == 0 and current == 0
  value = string.format('%.0f %.0f %.0f', until_time, previous, current)
end

if is_full then
  if stored then
    redis.call('DEL', KEYS[1])
  end
elseif value ~= stored then
  -- The key expires when it can be forgotten.
  redis.call('SET', KEYS[1], value, 'PX', string.format('%.0f', math.ceil((until_time - now) / 1000)))
end
return { allowed and 1 or 0, until_time, previous, current, now }
