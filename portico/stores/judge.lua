-- Answers all questions of one turn of a worker's loop in one call (portico/stores/redis.py, docs/adr/0012).
--
-- ARGV[1]: what all keys begin with. ARGV[2]: the questions, as MessagePack. ARGV[3]: seconds since EPOCH, in tests;
-- otherwise the server's own clock counts, so that a fleet has one. KEYS[1]: only in a cluster, to find the node.
-- The arithmetic is that of portico/rules/limiter.py: whole ticks in doubles, exact below 2^53.
local EPOCH = 1735689600 -- 2025: the less the clock says, the finer its ticks may be
local JUDGE, REVOKE, ONCE, FIND, KEEP, SWAP, DROP = 0, 1, 2, 3, 4, 5, 6
local SPEND = 5 -- fields of one spend: key, cost, pace, most, milliseconds to live
local CHUNK = 1000 -- keys that are read at once

local call, floor, format = redis.call, math.floor, string.format
local prefix = ARGV[1]
local questions = cmsgpack.unpack(ARGV[2])
local time = call('TIME')
local now = ARGV[3] and tonumber(ARGV[3]) or (time[1] - EPOCH) + time[2] / 1000000

-- Everything that any question needs to read, each key once, in as few reads as possible.
local MARK = prefix .. 'session:blacklist:'
local values, marked, wanted, homes = {}, {}, {}, {} -- key and mark → value; keys to read, and where values go
local function want(home, before, key)
  if home[key] == nil then
    home[key] = false
    wanted[#wanted + 1] = before .. key
    homes[#wanted] = home
    wanted[-#wanted] = key
  end
end
for i = 1, #questions do
  local question = questions[i]
  if question[1] == JUDGE then
    for part = 2, 5 do
      local list = question[part]
      if part == 3 then
        for j = 1, #list do want(marked, MARK, list[j]) end
      else
        for j = 1, #list, SPEND do want(values, prefix, list[j]) end
      end
    end
  end
end
for first = 1, #wanted, CHUNK do
  local last = first + CHUNK - 1
  if last > #wanted then last = #wanted end
  local read = call('MGET', unpack(wanted, first, last))
  for i = first, last do
    homes[i][wanted[-i]] = read[i - first + 1]
  end
end

local counted, live = {}, {} -- what limits have counted by now, and for how long that counts

local function ahead_of(key, ticks)
  local until_ = counted[key] or tonumber(values[key] or 0) or 0
  if until_ <= ticks then return 0 end
  return until_ - ticks
end

-- Spends from one limit. Returns its room before that: below zero, it refuses and nothing was spent.
local function spend(list, i)
  local key, cost = list[i], list[i + 1]
  local ticks = floor(now * list[i + 2])
  local ahead = ahead_of(key, ticks)
  local room = list[i + 3] - ahead
  if room >= 0 then
    counted[key] = ticks + ahead + cost
    live[key] = list[i + 4]
  end
  return room
end

-- Spends from all of them or from none, and tells their rooms. Returns whether all let it pass.
local function spend_all(list, answer)
  local told = #answer
  for i = 1, #list, SPEND do
    local room = spend(list, i)
    answer[#answer + 1] = room
    if room < 0 then
      for back = 1, i - 1, SPEND do
        counted[list[back]] = counted[list[back]] - list[back + 1]
      end
      for each = 1, #list, SPEND do
        local ticks = floor(now * list[each + 2])
        told = told + 1
        answer[told] = list[each + 3] - ahead_of(list[each], ticks)
      end
      return false
    end
  end
  return true
end

-- "1" and whatever is no number: outright. A number: what was issued up to then.
local function revoked(marks, issued)
  for i = 1, #marks do
    local value = marked[marks[i]]
    if value then
      local before = tonumber(value)
      if not before or before == 1 or issued <= before then return true end
    end
  end
  return false
end

-- { outcome, the rooms of the limits that were asked }: as interface.Outcome and redis.py have them.
local function judge(question)
  local answer = { 0 }
  if not spend_all(question[2], answer) then
    answer[1] = 1
  elseif revoked(question[3], question[6]) then
    answer[1] = 2
  elseif not spend_all(question[4], answer) then
    answer[1] = 3
  else
    local reported = question[5]
    for i = 1, #reported, SPEND do
      answer[#answer + 1] = spend(reported, i)
    end
  end
  return answer
end

local function set(key, value, until_)
  if until_ then
    call('SET', key, value, 'PXAT', format('%.0f', until_))
  else
    call('SET', key, value)
  end
end

-- The later of what is there and what is asked for, in both respects.
local function revoke(key, before, until_)
  local known = call('GET', key)
  if known then
    local number = tonumber(known)
    if not number or number == 1 then
      before = '1'
    elseif before ~= '1' and number > tonumber(before) then
      before = known
    end
    local left = call('PTTL', key)
    if left == -1 then
      until_ = nil
    elseif until_ then
      until_ = math.max(until_, time[1] * 1000 + floor(time[2] / 1000) + left)
    end
  end
  set(key, before, until_)
  return true
end

local answers = {}
for i = 1, #questions do
  local question = questions[i]
  if question[1] == JUDGE then answers[i] = judge(question) end
end
for key, until_ in pairs(counted) do
  call('SET', prefix .. key, format('%.0f', until_), 'PX', live[key])
end
for i = 1, #questions do
  local question = questions[i]
  local verb, key, until_ = question[1], nil, nil
  if verb ~= JUDGE then
    key, until_ = prefix .. question[2], question[5] or nil
    if verb == FIND then
      answers[i] = call('GET', key)
    elseif verb == ONCE then
      answers[i] = call('SET', key, '1', 'NX', 'PXAT', format('%.0f', until_)) ~= false
    elseif verb == KEEP then
      set(key, question[3], until_)
      answers[i] = true
    elseif verb == SWAP then
      answers[i] = call('GET', key) == question[4]
      if answers[i] then set(key, question[3], until_) end
    elseif verb == DROP then
      answers[i] = call('DEL', key) == 1
    elseif verb == REVOKE then
      answers[i] = revoke(key, question[3], until_)
    end
  end
end
return cmsgpack.pack(answers)
